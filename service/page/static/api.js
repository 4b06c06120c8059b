// The service's routes, as far as the page asks them. Knows nothing of what is shown.

const MAX_TRIES = 6;
const KEY = "earshot-key";

/** What the service refuses, as it says so itself (RFC 9457), or that it cannot be reached. */
export class Problem extends Error {
  constructor({ status, title, detail, errors, retryAfter = null }) {
    super(detail || title);
    Object.assign(this, { status, title, detail, errors, retryAfter });
  }
}

/** The key that callers are asked for; kept for this tab alone. */
export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (value) => sessionStorage.setItem(KEY, value),
  forget: () => sessionStorage.removeItem(KEY),
};

/** Describe the model: taxonomy, limits, and whether corrections are taken. */
export const describeModel = (onWait) => patiently(() => ask("v1/model"), onWait).then(({ body }) => body);

/**
 * Judge posts.
 * @param {string[]} texts at most as many as a request may hold
 * @param {boolean} explain whether to say which words carried each decision
 * @param {(seconds: number) => void} onWait told when the service is busy and is asked again later
 * @returns {Promise<{body: object, milliseconds: number | null}>}
 */
export async function classify(texts, explain, onWait) {
  const body = { posts: texts.map((text, index) => ({ id: String(index), text })), explain };
  return patiently(() => ask("v1/classify", body), onWait);
}

/** Keep a correction; with the same idempotency key it is kept once, however often it is sent. */
export const giveFeedback = (body, idempotencyKey) =>
  patiently(() => ask("v1/feedback", body, { "Idempotency-Key": idempotencyKey }), () => {});

/** A name that nobody else has; `crypto.randomUUID` is missing where a page is served without TLS. */
export function newKey() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

async function patiently(request, onWait) {
  for (let tries = 1; ; tries += 1) {
    try {
      return await request();
    } catch (problem) {
      const wait = problem.retryAfter;
      if (wait === null || wait === undefined || tries === MAX_TRIES) throw problem;
      onWait(wait);
      await new Promise((resolve) => setTimeout(resolve, 1000 * Math.max(wait, 0.1)));
    }
  }
}

async function ask(path, content = undefined, headers = {}) {
  const known = key.get();
  const response = await fetch(path, {
    method: content === undefined ? "GET" : "POST",
    headers: {
      ...(content === undefined ? {} : { "Content-Type": "application/json" }),
      ...(known ? { Authorization: `Bearer ${known}` } : {}),
      ...headers,
    },
    body: content === undefined ? undefined : JSON.stringify(content),
    cache: "no-store",
  }).catch(() => {
    throw new Problem({ status: 0, title: "The service cannot be reached", detail: "Look whether it is running, then try again." });
  });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) {
    const after = Number.parseFloat(response.headers.get("Retry-After") ?? "");
    throw new Problem({
      status: response.status,
      title: body.title ?? `Status ${response.status}`,
      detail: body.detail ?? "",
      errors: body.errors ?? [],
      retryAfter: Number.isFinite(after) ? after : null,
    });
  }
  const total = /(?:^|,\s*)total;dur=([\d.]+)/.exec(response.headers.get("Server-Timing") ?? "");
  return { body, milliseconds: total ? Number(total[1]) : null };
}
