// Where visitors leave a message and an address while nobody is there.
class Form {
  constructor(words, mostText, left) {
    this.words = words;
    this.mostText = mostText;
    this.left = left;
    this.error = element("p", { class: "error", role: "alert", id: "form-error" });
    this.name = this.field("name", "input", { type: "text", autocomplete: "name", maxlength: "200" }, true);
    this.email = this.field("email", "input", { type: "email", autocomplete: "email", maxlength: "320" });
    this.phone = this.field("phone", "input", { type: "tel", autocomplete: "tel", maxlength: "40" });
    this.message = this.field("message", "textarea", { rows: "3", required: true });
    this.node = element(
      "form",
      { class: "form", novalidate: true },
      ...[this.name, this.email, this.phone, this.message].map((input) => input.parentNode),
      this.error,
      element("button", { type: "submit", class: "send" }, words.send),
    );
    this.node.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
  }

  field(name, tag, attributes, optional) {
    const input = element(tag, { ...attributes, id: `form-${name}`, "aria-describedby": "form-error" });
    const label = optional ? `${this.words[name]} (${this.words.optional})` : this.words[name];
    element("div", { class: "field" }, element("label", { for: `form-${name}` }, label), input);
    return input;
  }

  submit() {
    const text = this.message.value.trim();
    const email = this.email.value.trim();
    const phone = this.phone.value.trim();
    if (!email && !phone) return this.refuse(this.email, this.words.needContact);
    if (email && !this.email.checkValidity()) return this.refuse(this.email, this.words.needEmail);
    if (!text) return this.refuse(this.message, this.words.needMessage);
    if ([...text].length > this.mostText) {
      return this.refuse(this.message, this.words.tooLong.replace("{n}", this.mostText));
    }
    this.refuse(null, "");
    this.left(text, { name: this.name.value.trim(), email, phone });
    this.message.value = "";
    return undefined;
  }

  refuse(field, why) {
    for (const input of [this.email, this.message]) input.setAttribute("aria-invalid", String(input === field));
    this.error.textContent = why;
    field?.focus();
  }
}
