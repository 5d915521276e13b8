/** The password of this sign-in's telephone, from the desk. */

import { place } from "./report";

export interface Credential {
  endpoint: string;
  user: string;
  password: string;
  /** Lets the page in at the gate; also while the desk is away. */
  ticket: string;
  /** POSIX seconds. */
  expires: number;
}

export type Refusal = "elsewhere" | "signed_out" | "network";

export class CredentialRefused extends Error {
  constructor(readonly why: Refusal) {
    super(why);
  }
}

/** Send something to the desk as this sign-in. */
export function post(url: string, body: object): Promise<Response> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
  return fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", [place.dataset.csrfHeader ?? "X-CSRF-Token"]: token },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(5_000),
  });
}

/** Ask for the password; `take` takes the telephone away from another computer. Throws CredentialRefused. */
export async function credential(take: boolean): Promise<Credential> {
  let answer: Response;
  try {
    answer = await post(place.dataset.credentialUrl ?? "", { take });
  } catch {
    throw new CredentialRefused("network");
  }
  if (answer.status === 409) throw new CredentialRefused("elsewhere");
  if (answer.status === 401 || answer.status === 403) throw new CredentialRefused("signed_out");
  if (!answer.ok) throw new CredentialRefused("network");
  return (await answer.json()) as Credential;
}
