"use strict";
// The gallery of a report. Everything that models or files said is inserted as text, never as markup; pictures are
// data URLs that the page carries, set when their card comes near the screen.
(() => {
  const read = (id) => JSON.parse(document.getElementById(id).textContent);
  const examples = read("examples");
  const pictures = read("pictures");
  const $ = (id) => document.getElementById(id);
  const CARDS_AT_ONCE = 48;

  const element = (name, className, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined && text !== null) made.textContent = text;
    return made;
  };

  // Theme: the system's, until the button is pressed.
  const dark = matchMedia("(prefers-color-scheme: dark)");
  $("theme").hidden = false;
  $("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const now = root.dataset.theme || (dark.matches ? "dark" : "light");
    root.dataset.theme = now === "dark" ? "light" : "dark";
  });

  const near = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      near.unobserve(entry.target);
      entry.target.src = pictures[Number(entry.target.dataset.picture)];
    }
  }, { rootMargin: "800px" });

  const picture = (index, caption) => {
    const figure = element("figure");
    const source = pictures[index];
    if (source === undefined || !source.startsWith("data:image/")) {
      figure.append(element("p", "missing", source || "no picture"));
    } else {
      const button = element("button", "picture");
      button.type = "button";
      const image = element("img");
      image.alt = caption || "image of the pair";
      image.decoding = "async";
      image.dataset.picture = index;
      image.addEventListener("load", () => image.classList.toggle("tiny", image.naturalWidth < 128));
      near.observe(image);
      button.append(image);
      button.addEventListener("click", () => enlarge(index, caption));
      figure.append(button);
    }
    if (caption) figure.append(element("figcaption", "", caption));
    return figure;
  };

  const enlarge = (index, caption) => {
    const image = element("img");
    image.src = pictures[index];
    image.alt = caption || "image of the pair";
    $("large").lastElementChild.replaceChildren(image, element("p", "", caption || ""));
    $("large").showModal();
  };
  $("large").addEventListener("click", (event) => {
    if (event.target === $("large")) $("large").close();
  });

  const answer = (said) => {
    const state = said.right === null ? "unknown" : said.right ? "right" : "wrong";
    const line = element("li", `answer ${state} ${said.target ? "of-target" : "of-reference"}`);
    const sign = element("span", "sign", { right: "✓", wrong: "✗", unknown: "?" }[state]);
    sign.setAttribute("role", "img");
    sign.setAttribute("aria-label", state === "unknown" ? "not verified" : state);
    const text = element("span", "said");
    const model = element("bdi", "model", said.model);
    text.append(model, element("bdi", "words", said.text));
    if (said.before !== null) {
      const before = element("span", "before", "before the edit: ");
      before.append(element("bdi", "", said.before));
      text.append(before);
    }
    line.append(sign, text);
    return line;
  };

  const card = (example) => {
    const item = element("li", "card");
    const images = element("div", example.parent !== null ? "images two" : "images");
    if (example.parent !== null) images.append(picture(example.parent, example.operation === "generated" ? "the source" : "before"));
    const caption = { edited: "after the edit", perturbed: "perturbed", generated: "drawn from a caption" };
    for (const index of example.images) images.append(picture(index, caption[example.operation] || ""));
    const chips = element("p", "chips");
    chips.append(element("span", "chip", example.category.replaceAll("_", " ")), element("span", "chip", example.strategy));
    const who = { target: "target wrong", reference: "reference wrong", both: "both wrong", "nobody knows": "unverified" };
    chips.append(element("span", `chip who ${example.wrong.replace(" ", "-")}`, who[example.wrong]));
    const body = element("div", "body");
    body.append(chips);
    if (example.instruction) {
      const label = example.operation === "edited" ? "Edit" : example.operation === "generated" ? "Caption" : "Instruction";
      const line = element("p", "instruction", `${label}: `);
      line.append(element("bdi", "", example.instruction));
      body.append(line);
    }
    body.append(element("h3", "question", example.question || "(no question)"));
    if (example.choices) body.append(element("p", "choices", example.choices));
    const answers = element("ul", "answers");
    answers.append(...example.answers.map(answer));
    body.append(answers);
    if (example.right !== null) {
      const right = element("p", "truth", `${example.verified ? "Right" : "Expected"}: `);
      right.append(element("bdi", "", example.right));
      if (example.verified) right.append(element("span", "by", ` (by ${example.verified})`));
      body.append(right);
    }
    const details = element("p", "details");
    if (example.certainty !== null) details.append(`certainty ${(example.certainty * 100).toFixed(0)} % · `);
    details.append(`probe ${example.probe.slice(0, 8)}`);
    if (example.uri) details.append(" · ", element("bdi", "", example.uri));
    body.append(details);
    item.append(images, body);
    return item;
  };

  // What a search looks through, in lower case, made once.
  const haystacks = examples.map((example) => [
    example.question, example.instruction, example.choices, example.right, example.category, example.strategy,
    example.prober, example.probe, example.uri, ...example.answers.flatMap((said) => [said.model, said.text]),
  ].filter(Boolean).join("\n").toLowerCase());

  const filters = ["category", "strategy", "wrong"];
  for (const name of filters) {
    const counts = new Map();
    for (const example of examples) counts.set(example[name], (counts.get(example[name]) || 0) + 1);
    for (const [value, count] of [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))) {
      const option = element("option", "", `${value.replaceAll("_", " ")} (${count})`);
      option.value = value;
      $(name).append(option);
    }
  }
  $("filters").hidden = examples.length === 0;

  let chosen = [];
  let shown = 0;
  const more = () => {
    const next = chosen.slice(shown, shown + CARDS_AT_ONCE);
    shown += next.length;
    $("cards").append(...next.map(card));
    $("more").textContent = shown < chosen.length ? "…" : "";
  };
  const apply = () => {
    const words = $("search").value.toLowerCase().split(/\s+/).filter(Boolean);
    chosen = examples.filter((example, at) =>
      filters.every((name) => $(name).value === "" || example[name] === $(name).value) &&
      words.every((word) => haystacks[at].includes(word)));
    near.disconnect();
    $("cards").replaceChildren();
    shown = 0;
    more();
    $("found").value = chosen.length === examples.length ? `${examples.length} examples` : `${chosen.length} of ${examples.length} examples`;
  };
  let waiting;
  $("search").addEventListener("input", () => {
    clearTimeout(waiting);
    waiting = setTimeout(apply, 120);
  });
  for (const name of filters) $(name).addEventListener("change", apply);
  $("filters").addEventListener("reset", () => setTimeout(apply));
  $("filters").addEventListener("submit", (event) => event.preventDefault());
  new IntersectionObserver((entries) => {
    if (entries.some((entry) => entry.isIntersecting) && shown < chosen.length) more();
  }, { rootMargin: "1200px" }).observe($("more"));
  apply();
})();
