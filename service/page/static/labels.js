// Labels as people read them and see them. The taxonomy is data: nothing here names one.

const HUES = 6;

/** A label for people: `feature-request` is read as "feature request". */
export const words = (label) => label.replaceAll(/[-_]/g, " ");

/** The same at the start of a line. */
export const heading = (label) => words(label).replace(/^./u, (first) => first.toUpperCase());

/** A share for people. */
export const percent = (share) => `${Math.round(100 * share)} %`;

/** The colour of a category: by its place in the taxonomy, grey when it is out of scope or there are too many. */
export function hueOf(category, taxonomy) {
  const place = taxonomy.categories.findIndex(({ name }) => name === category);
  return category === taxonomy.out_of_scope || place < 0 || place >= HUES ? "hue-none" : `hue-${place}`;
}

/** How urgent, from 0 to 1. */
export function rankOf(urgency, taxonomy) {
  const levels = taxonomy.urgencies.length;
  return levels < 2 ? 0 : taxonomy.urgencies.findIndex(({ name }) => name === urgency) / (levels - 1);
}
