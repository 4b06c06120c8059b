// One post and what is said of it, as a card. Knows nothing of routes; whoever makes it says what a correction does.

import { openCorrection } from "./correction.js";
import { heading, hueOf, percent, rankOf, words } from "./labels.js";

const REASONS = {
  low_confidence: "not sure enough",
  ambiguous: "two categories are close",
  unsupported_language: "in a language it was not trained on",
  too_short: "too short to tell",
  empty: "nothing but links or names",
};
const SHOWN_WORDS = 6;
const LEAST_CONTRIBUTION = 0.01; // of probability; less is noise

/**
 * Show one post.
 * @param {{number: number, text: string, result: object}} item
 * @param {object} model as the service describes it
 * @param {() => Promise<object[]>} explain asks which words mattered
 * @param {((correction: object, reviewer: ?string, note: ?string) => Promise<void>) | null} keep
 *   keeps a correction; null where none are taken
 */
export function makeCard(item, model, explain, keep) {
  const card = document.getElementById("card").content.firstElementChild.cloneNode(true);
  const part = (name) => card.querySelector(`.${name}`);
  const { result } = item;
  part("number").textContent = `Post ${item.number}: `;
  if (result.error) {
    card.classList.add("rejected");
    part("category").textContent = result.error.title;
    part("review").textContent = result.error.detail;
    part("review").hidden = false;
    part("text").textContent = item.text;
    part("scores").remove();
    return card;
  }
  const { taxonomy } = model;
  part("category").textContent = heading(result.category);
  card.classList.add(hueOf(result.category, taxonomy));
  part("confidence").textContent = `${percent(result.confidence)} sure`;
  part("route").textContent = `goes to ${result.route ? words(result.route) : "nobody"}`;
  part("also").textContent = result.secondary.map((label) => `also ${words(label)}`).join(", ");
  part("also").hidden = result.secondary.length === 0;
  showUrgency(part("urgency"), result.urgency, taxonomy);
  if (result.needs_review) {
    const why = result.review_reasons.map((reason) => REASONS[reason] ?? words(reason)).join(", ");
    part("review").textContent = `A person should look: ${why}.`;
    part("review").hidden = false;
  }
  offerReasons(card, item, explain);
  part("tables").append(table("Category", result.scores), table("Urgency", result.urgency_scores));
  if (keep) offerFeedback(card, item, taxonomy, keep);
  return card;
}

function showUrgency(element, urgency, taxonomy) {
  element.hidden = urgency === null;
  if (urgency === null) return;
  element.textContent = words(urgency);
  element.classList.add(`urgency-${Math.round(3 * rankOf(urgency, taxonomy))}`);
}

/** Say why: the words that carried the decision, asked for when the answer came without. */
function offerReasons(card, { text, result }, explain) {
  const part = (name) => card.querySelector(`.${name}`);
  let known = result.explanation ?? null;
  showText(part("text"), text, known, result.truncated);
  sumUp(part("words"), known);
  part("scores").addEventListener("toggle", async () => {
    if (known || !part("scores").open) return;
    part("words").textContent = "Looking which words mattered …";
    try {
      known = await explain();
      showText(part("text"), text, known, result.truncated);
      sumUp(part("words"), known);
    } catch (problem) {
      part("words").textContent = problem.message;
    }
  });
}

/** Show the text with its words marked; offsets count characters, not UTF-16 units. */
function showText(element, text, explanation, truncated) {
  const carrying = supporting(explanation);
  const most = Math.max(...carrying.map(({ contribution }) => contribution));
  const characters = Array.from(text);
  const pieces = [];
  let done = 0;
  for (const { start, end, contribution } of carrying.toSorted((a, b) => a.start - b.start)) {
    const mark = document.createElement("mark");
    mark.textContent = characters.slice(start, end).join("");
    mark.style.setProperty("--weight", (contribution / most).toFixed(2));
    pieces.push(characters.slice(done, start).join(""), mark);
    done = end;
  }
  pieces.push(characters.slice(done).join(""), truncated ? " (the end was not read)" : "");
  element.replaceChildren(...pieces);
}

function sumUp(element, explanation) {
  if (explanation === null) return;
  const strongest = supporting(explanation).toSorted((a, b) => b.contribution - a.contribution).slice(0, SHOWN_WORDS);
  element.textContent = strongest.length
    ? `Mattered most: ${strongest.map(({ text }) => `“${text}”`).join(", ")}.`
    : "No single word made the difference.";
}

/** The words without which the category would be clearly less likely, as offsets and how much. */
const supporting = (explanation) => (explanation ?? []).filter(({ contribution }) => contribution >= LEAST_CONTRIBUTION);

function table(name, scores) {
  const made = document.createElement("table");
  made.createCaption().textContent = name;
  for (const [label, score] of Object.entries(scores)) {
    const row = made.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = words(label);
    const bar = document.createElement("span");
    bar.className = "meter";
    bar.style.setProperty("--share", score.toFixed(3));
    row.append(head);
    row.insertCell().append(bar);
    row.insertCell().textContent = percent(score);
  }
  made.hidden = made.rows.length === 0;
  return made;
}

function offerFeedback(card, { result }, taxonomy, keep) {
  const part = (name) => card.querySelector(`.${name}`);
  const [right, wrong, kept] = ["right", "wrong", "kept"].map(part);
  const predicted = { category: result.category, secondary: result.secondary, urgency: result.urgency };
  part("feedback").hidden = false;

  const done = (said) => {
    kept.textContent = said;
    card.classList.add("answered");
    right.hidden = true;
    wrong.textContent = "Change…";
    kept.focus();
  };
  right.addEventListener("click", async () => {
    right.disabled = true;
    try {
      await keep(predicted, null, null);
      done("Kept: the model was right.");
    } catch (problem) {
      kept.textContent = `Not kept. ${problem.message}`;
      right.disabled = false;
    }
  });
  wrong.addEventListener("click", () => {
    const open = card.querySelector(".correction");
    if (open) {
      open.querySelector(".cancel").click();
      return;
    }
    wrong.setAttribute("aria-expanded", "true");
    openCorrection(part("more"), predicted, taxonomy, {
      keep,
      kept: (correction) => {
        const also = [correction.urgency, ...correction.secondary].filter(Boolean).map(words);
        done(`Kept: ${[words(correction.category), ...also].join(", ")}.`);
      },
      closed: () => wrong.setAttribute("aria-expanded", "false"),
      cancelled: () => wrong.focus(),
    });
  });
}
