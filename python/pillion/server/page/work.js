// The work view: what runs and how long it still takes, what failed and why, what holds work back.
import { h } from "./words.js";
customElements.define("pillion-work", class extends HTMLElement { connectedCallback() { this.replaceChildren(h("p", { text: "" })); } });
