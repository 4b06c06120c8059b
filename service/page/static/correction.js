// The form in which a person corrects one prediction.

import { words } from "./labels.js";

const REVIEWER = "earshot-reviewer";
let forms = 0;

/**
 * Open the form behind an element.
 * @param {Element} element
 * @param {{category: string, secondary: string[], urgency: ?string}} predicted what is chosen at first
 * @param {object} taxonomy
 * @param {{keep: Function, kept: Function, closed: Function, cancelled: Function}} told
 *   keep: keeps a correction; kept: it was; closed: the form is gone; cancelled: by its cancel button
 */
export function openCorrection(element, predicted, taxonomy, told) {
  const form = document.getElementById("correction").content.firstElementChild.cloneNode(true);
  const name = `correction-${(forms += 1)}`;
  const categories = taxonomy.categories.map((category) => category.name);
  const secondary = categories.filter((category) => category !== taxonomy.out_of_scope);
  const urgencies = taxonomy.urgencies.map((urgency) => urgency.name);
  fill(form.querySelector(".category-pick"), "radio", `${name}-category`, categories, [predicted.category]);
  fill(form.querySelector(".secondary-pick"), "checkbox", `${name}-secondary`, secondary, predicted.secondary);
  fill(form.querySelector(".urgency-pick"), "radio", `${name}-urgency`, urgencies, [predicted.urgency]);
  form.reviewer.value = localStorage.getItem(REVIEWER) ?? "";

  const close = () => {
    form.remove();
    told.closed();
  };
  const cancel = () => {
    close();
    told.cancelled();
  };
  form.querySelector(".cancel").addEventListener("click", cancel);
  form.addEventListener("keydown", (event) => {
    if (event.key === "Escape") cancel();
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const chosen = (kind) => Array.from(form.querySelectorAll(`[name="${name}-${kind}"]:checked`), (input) => input.value);
    const category = chosen("category")[0];
    const correction = {
      category,
      secondary: chosen("secondary").filter((also) => also !== category),
      urgency: chosen("urgency")[0] ?? null,
    };
    const reviewer = form.reviewer.value.trim() || null;
    if (reviewer) localStorage.setItem(REVIEWER, reviewer);
    const submit = form.querySelector("[type=submit]");
    const problem = form.querySelector(".problem");
    submit.disabled = true;
    problem.hidden = true;
    try {
      await told.keep(correction, reviewer, form.note.value.trim() || null);
      close();
      told.kept(correction);
    } catch (error) {
      problem.textContent = `Not kept. ${error.message}`;
      problem.hidden = false;
      submit.disabled = false;
    }
  });
  element.after(form);
  form.querySelector("input:checked").focus();
}

function fill(fieldset, type, name, labels, chosen) {
  fieldset.hidden = labels.length === 0;
  for (const label of labels) {
    const input = Object.assign(document.createElement("input"), { type, name, value: label });
    input.checked = chosen.includes(label);
    const around = document.createElement("label");
    const shown = document.createElement("span");
    shown.textContent = words(label);
    around.append(input, shown);
    fieldset.append(around);
  }
}
