/* The settings: each knob as the command line has it, tried as it is changed. */

/** Returns an element with attributes and children; text is text, never markup. */
function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

class Panel {
  /** element: where it is. onTry: called with {name: value}; null is the default. */
  constructor(element, onTry) {
    this.element = element;
    this.onTry = onTry;
    this.inputs = new Map();
  }

  show(state) {
    if (!this.inputs.size) this.build(state);
    for (const knob of Object.values(state.knobs).flat()) {
      const input = this.inputs.get(knob.name);
      if (input !== document.activeElement) setValue(input, knob.value);
      input.classList.remove("refused");
      input.closest(".knob").classList.toggle("changed", knob.value !== knob.default);
    }
    this.showPeople(state);
  }

  build(state) {
    this.people = make("div", {});
    for (const [title, knobs] of Object.entries(state.knobs)) {
      this.element.append(make("h2", {}, title), ...knobs.map((knob) => this.row(knob)));
      if (title === "guides") this.element.append(this.people);
    }
    this.element.append(make("p", { class: "dim" }, state.matted_by), make("p", { class: "dim", id: "saved-in" }, `saved in ${state.saved_in}`));
  }

  row(knob) {
    const input = makeInput(knob);
    this.inputs.set(knob.name, input);
    input.addEventListener("change", () => {
      const value = knob.is_switch ? input.checked : input.value.trim();
      const isDefault = value === "" || value === knob.default || (knob.is_number && Number(value) === Number(knob.default || NaN));
      this.onTry({ [knob.name]: isDefault ? null : value }, input);
    });
    return make("label", { class: "knob", title: knob.help }, make("span", {}, knob.name), input);
  }

  showPeople(state) {
    const person = state.knobs.guides.find((knob) => knob.name === "person").value;
    const chosen = /^[\d,]+$/.test(person) ? person.split(",").map(Number) : null;
    const isOn = (one) => (chosen ? chosen.includes(one.id) : !one.dropped);
    const boxes = state.people.map((one) => {
      const box = make("input", { type: "checkbox", checked: isOn(one), "data-person": one.id });
      box.addEventListener("change", () => this.choose(state));
      const where = `frames ${one.first}–${one.last}, around ${one.place.join(",")}${one.dropped ? `, dropped: ${one.dropped}` : ""}`;
      return make("label", { class: "person", title: where }, box, make("span", {}, `person ${one.id}`), make("span", { class: "dim" }, `${(100 * one.size).toFixed(1)} %`));
    });
    this.people.replaceChildren(...(boxes.length ? [make("h2", {}, "people"), ...boxes] : []));
  }

  choose(state) {
    const boxes = [...this.people.querySelectorAll("input")];
    const ids = boxes.filter((box) => box.checked).map((box) => Number(box.dataset.person));
    const usual = state.people.filter((one) => !one.dropped).map((one) => one.id);
    const isAll = ids.length === usual.length && usual.every((id) => ids.includes(id));
    if (ids.length) this.onTry({ person: isAll ? null : ids.join(",") }, boxes[0]);
  }
}

function makeInput(knob) {
  if (knob.is_switch) return make("input", { type: "checkbox" });
  if (knob.choices) {
    const none = knob.default === "" ? [make("option", { value: "" }, "–")] : [];
    return make("select", {}, ...none, ...knob.choices.map((one) => make("option", { value: one }, one)));
  }
  if (knob.is_number) {
    return make("input", { type: "number", min: knob.least, max: knob.most, step: knob.is_whole ? 1 : "any", placeholder: knob.metavar });
  }
  return make("input", { type: "text", placeholder: knob.metavar, spellcheck: "false" });
}

function setValue(input, value) {
  if (input.type === "checkbox") input.checked = value === true;
  else if (input.type === "number" && value !== "") input.value = Number(value);
  else input.value = value;
}
