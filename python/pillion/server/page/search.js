// Search as you type: hits with their passages, the matched words marked, each leading to its page or second.

import * as api from "./api.js";
import { look } from "./thumbhash.js";
import { CLASS_NAMES, announce, classOf, clock, dayOf, endingOf, h, isPlain, plural, send, within } from "./words.js";

const PAUSE_MS = 130;
const MOST = 60;

class Search extends HTMLElement {
	#asked = null;
	#query = null;
	#filter = {};
	#timer = 0;
	#hits = [];

	connectedCallback() {
		if (this.list) return;
		this.line = h("p.count");
		this.notes = h("div.notes");
		this.list = h("ol.hits", { "aria-label": "Hits" });
		this.append(h("div.inner", this.line, this.notes, this.list));
		this.list.onclick = (event) => this.#clicked(event);
		this.list.onkeydown = (event) => this.#key(event);
	}

	get total() {
		return this.#hits.length;
	}

	async beside({ content_uuid: uuid }, by) {
		return this.#hits[this.#hits.findIndex((hit) => hit.content_uuid === uuid) + by];
	}

	reveal({ content_uuid: uuid }) {
		this.focusOn(this.#hits.findIndex((hit) => hit.content_uuid === uuid));
	}

	focusOn(index) {
		this.list.querySelectorAll(".hit-link")[within(0, index, this.#hits.length - 1)]?.focus();
	}

	/** Look for a query, after a short pause in typing unless `now`. */
	show(query, filter, { now = false } = {}) {
		if (query === this.#query && JSON.stringify(filter) === JSON.stringify(this.#filter)) return;
		this.#query = query;
		this.#filter = filter;
		clearTimeout(this.#timer);
		this.#asked?.abort();
		this.ariaBusy = "true";
		this.#timer = setTimeout(() => this.#look(), now ? 0 : PAUSE_MS);
	}

	async #look() {
		const asked = (this.#asked = new AbortController());
		const query = this.#query;
		const slow = setTimeout(() => (this.line.textContent = "Searching …"), 400);
		try {
			const found = await api.search({ q: query, limit: MOST, ...this.#filter }, asked.signal);
			if (asked.signal.aborted) return;
			for (const hit of found.hits) hit.read = hit.passages.filter((passage) => passage.where?.kind !== "name");
			this.#hits = found.hits;
			this.notes.replaceChildren(...(found.notes ?? []).map((note) => h("p.note", note)));
			this.list.replaceChildren(...found.hits.map((hit, index) => this.#row(hit, index)));
			const text = found.hits.length ? plural(found.hits.length, "file") + (found.hits.length >= MOST ? ", the best" : "") : `Nothing was found for “${query}”.`;
			this.line.textContent = text;
			announce(text);
		} catch (error) {
			if (error.name === "AbortError") return clearTimeout(slow);
			this.line.textContent = error.status === 401 ? "" : error.message;
			this.#query = null;
		}
		clearTimeout(slow);
		this.ariaBusy = null;
	}

	#row(hit, index) {
		const kind = classOf(hit);
		const thumb = h("span.thumb", ...look(hit, 112));
		if (thumb.childElementCount === 1 && !hit.thumbhash) thumb.dataset.ending = endingOf(hit.name) || CLASS_NAMES[kind];
		return h(
			"li.hit",
			{},
			h(
				"a.hit-link",
				{ href: addressOf(hit, hit.read[0], this.#query), "data-index": index },
				thumb,
				h("span.about", h("span.name", ...markedName(hit)), h("span.facts", [CLASS_NAMES[kind], dayOf(hit.at)].filter(Boolean).join(" · "))),
			),
			hit.read.length
				? h("div.passages", hit.read.map((passage, number) => h("a.passage", { href: addressOf(hit, passage, this.#query), "data-index": index, "data-passage": number }, placeOf(passage), ...marked(passage.text, passage.marks))))
				: null,
		);
	}

	#clicked(event) {
		const link = event.target.closest("a[data-index]");
		if (!link || !isPlain(event)) return;
		event.preventDefault();
		const hit = this.#hits[Number(link.dataset.index)];
		const passage = hit.read[Number(link.dataset.passage ?? 0)];
		const detail = { item: hit, place: passage?.where, hits: hitWords(hit) };
		send(this, "open-item", detail);
	}

	#key(event) {
		if (!["ArrowDown", "ArrowUp"].includes(event.key)) return;
		const links = [...this.list.querySelectorAll("a")];
		const at = links.indexOf(document.activeElement);
		const other = links[at + (event.key === "ArrowDown" ? 1 : -1)];
		if (other) other.focus();
		else if (event.key === "ArrowUp") document.querySelector("input[type=search]")?.focus();
		event.preventDefault();
	}
}

function placeOf(passage) {
	const { page, seconds, part, number, name } = passage.where ?? {};
	if (seconds) return h("span.place", clock(seconds[0]));
	if (page) return h("span.place", `Page ${page}`);
	const text = name || (part && number ? `${part[0].toUpperCase()}${part.slice(1)} ${number}` : "");
	return text ? h("span.place", { text }) : null;
}

function addressOf(hit, passage, query) {
	const parameters = new URLSearchParams({ q: query, item: hit.content_uuid });
	if (passage?.where?.seconds) parameters.set("t", passage.where.seconds[0]);
	if (passage?.where?.page) parameters.set("page", passage.where.page);
	return `?${parameters}`;
}

/** Text with its marks, which count characters (code points), as elements. */
export function marked(text, marks = []) {
	const letters = Array.from(text);
	const parts = [];
	let at = 0;
	for (const [start, end] of marks) {
		if (start < at || end > letters.length) continue;
		parts.push(letters.slice(at, start).join(""), h("mark", letters.slice(start, end).join("")));
		at = end;
	}
	parts.push(letters.slice(at).join(""));
	return parts.filter((part) => part !== "");
}

function markedName(hit) {
	const passage = hit.passages.find((one) => one.where?.kind === "name");
	if (!passage?.marks?.length) return [hit.name];
	return marked(passage.text, passage.marks);
}

/** The words that a search marked in a hit. */
export function hitWords(hit) {
	const words = new Set();
	for (const { text, marks } of hit.passages ?? []) {
		const letters = Array.from(text);
		for (const [start, end] of marks ?? []) words.add(letters.slice(start, end).join(""));
	}
	return [...words];
}

customElements.define("pillion-search", Search);
