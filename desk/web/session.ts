/**
 * The sign-in may end while the page is open. Then the page says so and stays as it is: the person signs in again in
 * another tab, and this one goes on with the new session.
 */

interface Session {
  account: string;
  csrf: string;
}

let isOver = false;

document.addEventListener("hatif:signed-out", () => {
  if (isOver) return;
  isOver = true;
  document.documentElement.dataset.signedOut = "";
});

async function look(): Promise<void> {
  if (!isOver) return;
  const answer = await fetch("/session").catch(() => null);
  if (!answer?.ok || !isOver) return;
  const session = (await answer.json()) as Session;
  if (session.account !== document.body.dataset.account) {
    location.reload(); // somebody else's page
    return;
  }
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]');
  if (token) token.content = session.csrf;
  for (const field of document.querySelectorAll<HTMLInputElement>('input[name="csrf"]')) field.value = session.csrf;
  isOver = false;
  delete document.documentElement.dataset.signedOut;
  document.dispatchEvent(new CustomEvent("hatif:signed-in"));
}

window.addEventListener("focus", () => void look());
document.addEventListener("visibilitychange", () => void look());
