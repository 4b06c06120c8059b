// The page: what is pasted is judged, shown, narrowed down, and corrected.

import { Problem, classify, describeModel, giveFeedback, key, newKey } from "./api.js";
import { makeCard } from "./card.js";
import { heading, hueOf, rankOf, words } from "./labels.js";

const element = (id) => document.getElementById(id);
const [ask, posts, examples, triage] = ["ask", "posts", "examples", "triage"].map(element);
const [keyForm, keyField, problemBox, status] = ["key-form", "key", "problem", "status"].map(element);
const [results, filters, order, cards, guide] = ["results", "filters", "order", "cards", "guide"].map(element);

let model = null; // as the service describes it
let shown = []; // {number, text, result, digest, card}
let only = null; // the category, or "review", that is shown alone
let afterKey = null; // what is done again once there is a key

/** Ask for the model, without which nothing can be shown; again when another one has answered since. */
async function getModel(digest = model?.digest) {
  if (model && model.digest === digest) return;
  model = await describeModel(() => {
    status.textContent = "The service is starting …";
  });
  if (status.textContent.startsWith("The service is starting")) status.textContent = "";
  element("model").textContent = `${model.name} ${model.version} · ${model.digest.slice(0, 19)}… · ${model.precision}`;
  explainCategories();
}

function explainCategories() {
  element("categories").replaceChildren();
  for (const category of model.taxonomy.categories) {
    const [term, definition, dot] = ["dt", "dd", "span"].map((tag) => document.createElement(tag));
    dot.className = `dot ${hueOf(category.name, model.taxonomy)}`;
    term.append(dot, heading(category.name));
    definition.textContent = category.definition;
    const group = document.createElement("div");
    group.append(term, definition);
    element("categories").append(group);
  }
  guide.hidden = shown.length > 0;
  examples.hidden = !model.taxonomy.categories.some((category) => category.examples.length);
}

function pasted() {
  const whole = new FormData(ask).get("reading") === "whole";
  return (whole ? [posts.value] : posts.value.split("\n")).map((text) => text.trim()).filter(Boolean);
}

async function judge() {
  const texts = pasted();
  if (!texts.length) {
    status.textContent = "There is nothing to triage yet: paste a post.";
    posts.focus();
    return;
  }
  await getModel();
  const most = model.request_limits.max_posts_per_request;
  const found = [];
  let milliseconds = 0;
  for (let start = 0; start < texts.length; start += most) {
    status.textContent = texts.length > most ? `Judged ${start} of ${texts.length} posts …` : "Judging …";
    const part = texts.slice(start, start + most);
    const answer = await classify(part, texts.length <= model.request_limits.max_explained_posts, (seconds) => {
      status.textContent = `The service is busy; asking again in ${seconds} s …`;
    });
    milliseconds += answer.milliseconds ?? 0;
    const { digest } = answer.body.model;
    await getModel(digest);
    found.push(
      ...answer.body.results.map((result, index) => ({ number: start + index + 1, text: part[index], result, digest })),
    );
  }
  for (const item of found) item.card = makeCard(item, model, explainer(item), model.feedback ? keeper(item) : null);
  shown = found;
  only = null;
  if (shown.length <= 3) for (const { card } of shown) card.querySelector("details")?.setAttribute("open", "");
  results.hidden = false;
  guide.hidden = true;
  showFilters();
  arrange();
  const review = shown.filter(({ result }) => result.needs_review).length;
  const count = shown.length === 1 ? "1 post" : `${shown.length} posts`;
  const look = review === 0 ? "none needs a person" : review === 1 ? "1 needs a person" : `${review} need a person`;
  status.textContent = `${count} in ${milliseconds < 10 ? milliseconds.toFixed(1) : Math.round(milliseconds)} ms; ${look}.`;
}

/** Make what asks which words of a post mattered. */
const explainer = ({ text }) => async () => {
  const { body } = await classify([text], true, () => {});
  return body.results[0].explanation;
};

/** Make what keeps a correction of a post. The same correction, sent again, bears the same key. */
function keeper({ text, result, digest }) {
  let last = { said: "", key: "" };
  return async (correction, reviewer, note) => {
    const { category, secondary, urgency, confidence } = result;
    const body = {
      text,
      prediction: { model_digest: digest, category, secondary, urgency, confidence },
      correction,
      ...(reviewer ? { reviewer } : {}),
      ...(note ? { note } : {}),
    };
    const said = JSON.stringify(body);
    if (said !== last.said) last = { said, key: newKey() };
    await giveFeedback(body, last.key);
  };
}

function showFilters() {
  const counts = new Map();
  const count = (name) => counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const { result } of shown) {
    if (result.needs_review) count("review");
    if (result.category) count(result.category);
  }
  const names = ["review", ...model.taxonomy.categories.map(({ name }) => name)].filter((name) => counts.has(name));
  filters.replaceChildren(
    ...names.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.className = `chip ${name === "review" ? "hue-review" : hueOf(name, model.taxonomy)}`;
      button.textContent = `${name === "review" ? "needs a person" : words(name)} ${counts.get(name)}`;
      button.setAttribute("aria-pressed", "false");
      button.addEventListener("click", () => {
        only = only === name ? null : name;
        for (const other of filters.children) other.setAttribute("aria-pressed", String(other === button && only !== null));
        arrange();
      });
      return button;
    }),
  );
  results.classList.toggle("single", shown.length === 1);
}

const ORDERS = {
  pasted: (item) => item.number,
  urgent: ({ result }) => (result.error ? 1 : -rankOf(result.urgency, model.taxonomy)),
  unsure: ({ result }) => result.confidence ?? 2,
};

function arrange() {
  const wanted = shown.filter(({ result }) => only === null || (only === "review" ? result.needs_review : result.category === only));
  const by = ORDERS[order.value];
  cards.replaceChildren(...wanted.toSorted((a, b) => by(a) - by(b) || a.number - b.number).map(({ card }) => card));
}

/** Do something with the service, and show what it refuses; asked for a key, do it again once there is one. */
async function attempt(action) {
  problemBox.hidden = true;
  triage.disabled = true;
  try {
    await action();
    keyForm.hidden = true;
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    status.textContent = "";
    if (error.status === 401) askForKey(action);
    else showProblem(error);
  } finally {
    triage.disabled = false;
  }
}

function askForKey(action) {
  if (key.get()) showProblem({ title: "This key is not known here", detail: "Look whether all of it was pasted, or try another." });
  key.forget();
  afterKey = action;
  keyForm.hidden = false;
  if (action === judge) keyField.focus();
}

function showProblem(error) {
  const title = document.createElement("strong");
  title.textContent = `${error.title}. `;
  problemBox.replaceChildren(title, error.detail);
  problemBox.hidden = false;
}

ask.addEventListener("submit", (event) => {
  event.preventDefault();
  attempt(judge);
});
posts.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    ask.requestSubmit();
  }
});
keyForm.addEventListener("submit", (event) => {
  event.preventDefault();
  key.set(keyField.value.trim());
  keyField.value = "";
  attempt(afterKey);
});
examples.addEventListener("click", () =>
  attempt(async () => {
    await getModel();
    const made = model.taxonomy.categories.flatMap((category) => category.examples.slice(0, 1));
    posts.value = [posts.value.trim(), ...made].filter(Boolean).join("\n");
    ask.elements.reading.value = "lines";
    await judge();
  }),
);
order.addEventListener("change", arrange);

attempt(getModel);
