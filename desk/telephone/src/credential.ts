/** The password of this sign-in's telephone, from the desk. */

import { place } from "./report";

export interface Credential {
  endpoint: string;
  user: string;
  password: string;
  /** POSIX seconds. */
  expires: number;
}

export type Refusal = "elsewhere" | "signed_out" | "network";

export class CredentialRefused extends Error {
  constructor(readonly why: Refusal) {
    super(why);
  }
}

/** Ask for the password; `take` takes the telephone away from another computer. Throws CredentialRefused. */
export async function credential(take: boolean): Promise<Credential> {
  const token = document.querySelector<HTMLMetaElement>('meta[name="csrf-token"]')?.content ?? "";
  const headers = { "content-type": "application/json", [place.dataset.csrfHeader ?? "X-CSRF-Token"]: token };
  let answer: Response;
  try {
    answer = await fetch(place.dataset.credentialUrl ?? "", {
      method: "POST",
      headers,
      body: JSON.stringify({ take }),
      signal: AbortSignal.timeout(5_000),
    });
  } catch {
    throw new CredentialRefused("network");
  }
  if (answer.status === 409) throw new CredentialRefused("elsewhere");
  if (answer.status === 401 || answer.status === 403) throw new CredentialRefused("signed_out");
  if (!answer.ok) throw new CredentialRefused("network");
  return (await answer.json()) as Credential;
}
