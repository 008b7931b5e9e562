// The timeline: a grid of all items by month, of which only the rows in sight are in the document.
//
// The server gives the number of items of each month, so the place of every row is known before any item is. Items
// come in chunks of a month, asked for when they come into sight. What is not there yet is a grey square, what is there
// is its ThumbHash at once, and then its thumbnail.
//
// A browser's scroll height ends at some 30 million pixels, and a million items on a phone need more. So the place that
// is shown ("top") is kept apart from the scroll bar's: small movements are taken as they are, jumps by proportion.

import * as api from "./api.js";
import { frame, show } from "./thumbhash.js";
import { CLASS_NAMES, announce, classOf, clock, count, dayOf, endingOf, h, isPlain, monthName, monthShort, plural, send, within, words } from "./words.js";

const CHUNK = 100;
const KEPT_CHUNKS = 200;
const ASKED_AT_ONCE = 4;
const TALLEST = 12_000_000; // pixels of the scroll area
const HEAD = 46; // pixels of a month's heading
const GAP = 3;
const MOST_CELLS = 400;
const RECOUNT_MS = 1500;
const SETTLED_MS = 60; // a cell in sight for so long gets its thumbnail

class Timeline extends HTMLElement {
	#filter = {};
	#sections = [];
	#total = 0;
	#height = 0;
	#chunks = new Map(); // "month:chunk" -> {items} | {asked: AbortController}
	#cells = new Map(); // index -> element
	#heads = new Map(); // section -> element
	#spare = [];
	#top = 0;
	#last = 0;
	#frame = 0;
	#focus = 0;
	#moved = 0;
	#settle = 0;
	#loaded = null;
	#turn = 0; // items of an earlier count are looked up again
	#counted = 0;

	connectedCallback() {
		if (this.scroller) return;
		this.area = h("div.area", { role: "listbox", "aria-label": "Timeline" });
		this.scroller = h("div.scroller", { tabindex: "-1", onscroll: () => this.#scrolled() }, this.area);
		this.empty = h("div.nothing", { hidden: true });
		this.scrubber = new Scrubber((share) => this.jump(share * this.#reach()), (delta) => this.#byMonth(delta));
		this.append(this.scroller, this.scrubber.element, this.empty);
		this.area.onclick = (event) => this.#clicked(event);
		this.area.onkeydown = (event) => this.#key(event);
		this.area.addEventListener("focusin", (event) => {
			const cell = event.target.closest(".cell");
			if (cell) this.#focus = Number(cell.dataset.index);
		});
		new ResizeObserver(() => this.#resized()).observe(this.scroller);
		api.on("ready", (detail) => detail.kind === "thumb" && this.#renewed(detail.content_uuid));
		api.on("changed", () => this.#changed());
		api.on("online", () => this.#changed());
	}

	/** Show what fits a filter of the API ({type, state, ...}); the same filter again changes nothing. */
	async show(filter) {
		if (this.#loaded && JSON.stringify(filter) === JSON.stringify(this.#filter)) return this.#loaded;
		this.#filter = filter;
		this.#forget();
		this.#loaded = this.#load();
		return this.#loaded;
	}

	/** The index of the first item in sight. */
	get first() {
		return this.#total ? this.#indexAt(this.#top + HEAD) : 0;
	}

	/** Ask for everything again. */
	again() {
		this.#forget();
		this.#loaded = null;
	}

	/** The item that now follows another one (`by` 1), or stands before it (-1). */
	async beside({ cursor }, by) {
		return (await this.#allOf({ ...this.#filter, cursor, order: by < 0 ? "asc" : "desc", limit: 1 }))[0];
	}

	/** Put the focus on an item, wherever it stands now. */
	async reveal(item) {
		await this.#loaded;
		const place = await (this.#loaded = this.#load(item));
		if (place >= 0) this.focusOn(place);
	}

	/** Put the keyboard's focus on an item, and it in sight. */
	focusOn(index) {
		this.#focus = within(0, index, this.#total - 1);
		if (!this.#total) return;
		const y = this.#yOf(this.#focus);
		if (y < this.#top + HEAD) this.jump(y - HEAD - GAP);
		else if (y + this.row > this.#top + this.view) this.jump(y + this.row - this.view + GAP);
		this.#render();
		this.#cells.get(this.#focus)?.focus({ preventScroll: true });
	}

	/** Show the place `y` pixels down. */
	jump(y) {
		this.#top = within(0, y, this.#reach());
		this.#align();
		this.#later();
	}

	// where things are --------

	/** Ask for the months; an item that is given stays where it is seen. */
	async #load(item) {
		this.ariaBusy = "true";
		const filter = this.#filter;
		try {
			const { sections, place } = await api.months(filter, item?.cursor);
			if (filter !== this.#filter) return;
			const index = item && [...this.#cells].find(([, cell]) => cell.item === item)?.[0];
			const y = index === undefined ? 0 : this.#yOf(index);
			this.#sections = sections;
			this.#total = 0;
			for (const section of this.#sections) {
				section.first = this.#total;
				this.#total += section.count;
			}
			this.empty.hidden = this.#total > 0;
			if (!this.#total) this.#sayEmpty();
			this.#measure();
			this.#turn++;
			this.#forgetChunks();
			if (index !== undefined) this.#shift(place - index);
			const stays = index !== undefined && this.#total && (this.#top > HEAD || this.#isHeld);
			this.jump(stays ? this.#top + this.#yOf(Math.min(place, this.#total - 1)) - y : this.#top);
			send(this, "counted", this.#total);
			return place;
		} catch (error) {
			if (this.#total) return;
			this.#loaded = null;
			if (error.status === 401) return;
			this.empty.hidden = false;
			this.empty.replaceChildren(h("p", error.message), words("Try again", () => this.show(this.#filter)));
		} finally {
			this.ariaBusy = null;
		}
	}

	get #isHeld() {
		return this.#cells.get(this.#focus)?.contains(document.activeElement);
	}

	/** What stood at some index stands so many places on. */
	#shift(by) {
		this.#cells = new Map([...this.#cells].map(([index, cell]) => [index + by, cell]));
		this.#focus = within(0, this.#focus + by, this.#total - 1);
	}

	#sayEmpty() {
		const filtered = Object.values(this.#filter).some(Boolean);
		const how = filtered ? "Choose another kind of file above." : h("span", "Add a folder: ", h("code", "pillion add FOLDER"));
		this.empty.replaceChildren(h("p.large", filtered ? "Nothing here fits." : "Nothing here yet."), h("p", how));
	}

	#measure() {
		const width = this.area.clientWidth || this.scroller.clientWidth;
		this.view = this.scroller.clientHeight || 600; // kept, since to ask for it again is to lay out the page again
		const least = width < 600 ? 104 : 148;
		const wanted = Math.max(least, Math.sqrt((width * this.view) / (MOST_CELLS / 2.2)));
		this.columns = Math.max(3, Math.floor((width + GAP) / (wanted + GAP)));
		this.cell = (width - GAP * (this.columns - 1)) / this.columns;
		this.row = this.cell + GAP;
		this.pixels = this.cell * Math.min(devicePixelRatio || 1, 3);
		let y = 0;
		for (const section of this.#sections) {
			section.y = y;
			section.rows = Math.ceil(section.count / this.columns);
			y += HEAD + section.rows * this.row;
		}
		this.#height = y + 24;
		this.area.style.height = `${Math.min(this.#height, TALLEST)}px`;
		this.scrubber.show(this.#sections, this.#height);
	}

	#reach() {
		return Math.max(0, this.#height - this.view);
	}

	get #barReach() {
		return Math.max(0, Math.min(this.#height, TALLEST) - this.view);
	}

	/** Set the scroll bar to the place that is shown. */
	#align() {
		const scaled = this.#height > TALLEST;
		const bar = scaled && this.#reach() ? (this.#top / this.#reach()) * this.#barReach : this.#top;
		if (bar === this.#last) return;
		this.scroller.scrollTop = bar;
		this.#last = this.scroller.scrollTop;
	}

	#scrolled() {
		const bar = this.scroller.scrollTop;
		const delta = bar - this.#last;
		if (!delta) return;
		this.#last = bar;
		if (this.#height <= TALLEST) this.#top = bar;
		else if (Math.abs(delta) < this.view * 2 && bar > 0 && bar < this.#barReach) this.#top += delta;
		else this.#top = (bar / this.#barReach) * this.#reach();
		this.#top = within(0, this.#top, this.#reach());
		this.#later();
		if (this.#height > TALLEST) {
			clearTimeout(this.#settle);
			this.#settle = setTimeout(() => {
				this.#align();
				this.#render();
			}, 150);
		}
	}

	#resized() {
		if (!this.#sections.length || !this.scroller.clientWidth) return;
		const anchor = this.#indexAt(this.#top + HEAD);
		this.#measure();
		this.#releaseAll();
		this.jump(this.#top < HEAD ? 0 : this.#yOf(anchor) - HEAD);
		this.#render();
	}

	get #here() {
		return this.#sections[this.#search((section) => section.y <= this.#top + HEAD)];
	}

	#sectionOf(index) {
		return this.#sections[this.#search((section) => section.first <= index)];
	}

	/** The last section for which `holds`, as those before it. */
	#search(holds) {
		let low = 0;
		let high = this.#sections.length - 1;
		while (low < high) {
			const middle = (low + high + 1) >> 1;
			if (holds(this.#sections[middle])) low = middle;
			else high = middle - 1;
		}
		return low;
	}

	#yOf(index) {
		const section = this.#sectionOf(index);
		return section.y + HEAD + Math.floor((index - section.first) / this.columns) * this.row;
	}

	#indexAt(y) {
		const section = this.#sections[this.#search((one) => one.y <= y)];
		const row = within(0, Math.floor((y - section.y - HEAD) / this.row), section.rows - 1);
		return section.first + Math.min(section.count - 1, row * this.columns);
	}

	// what is in the document --------

	#later() {
		this.#frame ||= requestAnimationFrame(() => {
			this.#frame = 0;
			this.#render();
		});
	}

	#render() {
		if (!this.#sections.length || !this.row) {
			this.#releaseAll();
			for (const head of this.#heads.values()) head.remove();
			this.#heads.clear();
			return;
		}
		const shift = this.#last - this.#top;
		const from = this.#top - this.view * 0.4;
		const to = this.#top + this.view * 1.4;
		const wanted = new Set();
		const shownHeads = new Set();
		const missing = new Map();
		for (let at = this.#search((section) => section.y <= from); at < this.#sections.length; at++) {
			const section = this.#sections[at];
			if (section.y > to) break;
			if (section.y + HEAD > from) {
				shownHeads.add(section);
				this.#placeHead(section, shift);
			}
			const first = Math.max(0, Math.floor((from - section.y - HEAD) / this.row));
			const end = Math.min(section.rows, Math.ceil((to - section.y - HEAD) / this.row));
			for (let i = first * this.columns; i < Math.min(section.count, end * this.columns); i++) {
				wanted.add(section.first + i);
			}
		}
		for (const [index, cell] of this.#cells) if (!wanted.has(index)) this.#release(index, cell);
		for (const [section, head] of this.#heads) {
			if (!shownHeads.has(section)) {
				head.remove();
				this.#heads.delete(section);
			}
		}
		for (const index of wanted) this.#place(index, shift, missing);
		for (const cell of this.#spare.splice(40)) cell.remove();
		this.#askFor(missing);
		this.#moved = performance.now();
		this.#picturesLater();
		this.scrubber.at(this.#reach() ? this.#top / this.#reach() : 0, this.#here);
	}

	#placeHead(section, shift) {
		let head = this.#heads.get(section);
		if (!head) {
			head = h("div.month", { "aria-hidden": "true" }, h("span", monthName(section.year, section.month)), h("small", count(section.count)));
			this.#heads.set(section, head);
			this.area.append(head);
		}
		head.style.transform = `translateY(${section.y + shift}px)`;
	}

	#place(index, shift, missing) {
		const section = this.#sectionOf(index);
		const within = index - section.first;
		let cell = this.#cells.get(index);
		if (!cell) {
			cell = this.#spare.pop() ?? this.#made();
			cell.hidden = false;
			cell.style.width = cell.style.height = `${this.cell}px`;
			cell.item = undefined;
			this.#cells.set(index, cell);
		}
		const x = (within % this.columns) * this.row;
		const y = section.y + HEAD + Math.floor(within / this.columns) * this.row + shift;
		cell.style.transform = `translate(${x}px, ${y}px)`;
		cell.tabIndex = index === this.#focus ? 0 : -1;
		if (cell.item && cell.turn === this.#turn) return;
		cell.dataset.index = index;
		cell.ariaPosInSet = index + 1;
		cell.ariaSetSize = this.#total;
		const chunk = Math.floor(within / CHUNK);
		const key = `${section.cursor}:${chunk}`;
		const items = this.#chunks.get(key)?.items;
		const item = items?.[within % CHUNK];
		if (items) cell.turn = this.#turn;
		if (item && item.content_uuid === cell.item?.content_uuid) cell.item = item;
		else if (item) this.#fill(cell, item);
		else if (items || cell.item === undefined) this.#blank(cell);
		if (!items) missing.set(key, [section, chunk]);
	}

	#made() {
		const cell = h("a.cell", { role: "option", "aria-selected": "false" }, frame(), h("img", { alt: "", draggable: "false", decoding: "async" }));
		const picture = cell.lastElementChild;
		picture.onload = () => cell.classList.add("there");
		picture.onerror = () => cell.classList.remove("there");
		this.area.append(cell);
		return cell;
	}

	#blank(cell) {
		cell.item = null;
		cell.className = "cell";
		cell.removeAttribute("href");
		cell.ariaLabel = "Loading";
		for (const name of ["name", "ending", "badge"]) delete cell.dataset[name];
		cell.lastElementChild.removeAttribute("src");
		show(cell.firstElementChild, null);
	}

	#fill(cell, item) {
		const [below, picture] = cell.children;
		const kind = classOf(item);
		cell.item = item;
		cell.className = `cell known ${kind}`;
		cell.href = `?item=${item.content_uuid}`;
		cell.ariaLabel = `${item.name}, ${CLASS_NAMES[kind]}, ${dayOf(item.at)}`;
		picture.removeAttribute("src");
		const hashed = show(below, item.thumbhash);
		const pictured = hashed || Object.keys(item.thumbs ?? {}).length > 0;
		cell.classList.toggle("plainfile", !pictured);
		cell.dataset.name = pictured ? "" : item.name;
		cell.dataset.ending = pictured ? "" : endingOf(item.name) || CLASS_NAMES[kind];
		const length = item.duration && clock(item.duration);
		cell.dataset.badge = { video: length || "▶", audio: length || "♪", pdf: "PDF" }[kind] ?? "";
	}

	#release(index, cell) {
		if (cell.contains(document.activeElement)) this.scroller.focus({ preventScroll: true });
		this.#cells.delete(index);
		cell.lastElementChild.removeAttribute("src"); // a thumbnail that is still on its way is not waited for
		cell.hidden = true;
		cell.item = undefined;
		this.#spare.push(cell);
	}

	#releaseAll() {
		for (const [index, cell] of this.#cells) this.#release(index, cell);
	}

	/** Thumbnails are asked for when the view has come to rest, so that a fast scroll asks for none. */
	#picturesLater() {
		if (this.pictures) return;
		const look = () => {
			if (performance.now() - this.#moved < SETTLED_MS) {
				this.pictures = setTimeout(look, SETTLED_MS);
				return;
			}
			this.pictures = 0;
			for (const cell of this.#cells.values()) {
				if (!cell.item || cell.lastElementChild.hasAttribute("src")) continue;
				const address = api.thumbURL(cell.item, this.pixels);
				if (address) cell.lastElementChild.src = address;
			}
		};
		this.pictures = setTimeout(look, SETTLED_MS);
	}

	// items --------

	#askFor(missing) {
		for (const [key, chunk] of this.#chunks) {
			if (chunk.asked && !missing.has(key)) {
				chunk.asked.abort();
				this.#chunks.delete(key);
			}
		}
		let asked = [...this.#chunks.values()].filter((chunk) => chunk.asked).length;
		for (const [key, [section, chunk]] of missing) {
			if (this.#chunks.has(key)) continue;
			if (asked++ >= ASKED_AT_ONCE) break;
			this.#chunk(key, section, chunk);
		}
	}

	async #chunk(key, section, chunk) {
		const entry = { asked: new AbortController() };
		const limit = Math.min(CHUNK, section.count - chunk * CHUNK);
		const query = { ...this.#filter, cursor: section.cursor, offset: chunk * CHUNK, limit };
		this.#chunks.set(key, entry);
		try {
			const items = await this.#allOf(query, entry.asked.signal);
			if (this.#chunks.get(key) !== entry) return;
			this.#chunks.delete(key);
			this.#chunks.set(key, { items });
			while (this.#chunks.size > KEPT_CHUNKS) this.#chunks.delete(this.#chunks.keys().next().value);
			this.#later();
		} catch (error) {
			if (this.#chunks.get(key) === entry) this.#chunks.delete(key);
			if (error.name !== "AbortError") this.#again();
		}
	}

	/** A page of a choice may be short before its end: ask on until the chunk is full, or all is seen. */
	async #allOf(query, signal) {
		const items = [];
		let wanted = query;
		while (wanted) {
			const answer = await api.items(wanted, signal);
			items.push(...answer.items);
			const left = query.limit - items.length;
			wanted = left > 0 && answer.next ? { ...query, cursor: answer.next, offset: 0, limit: left } : null;
		}
		return items;
	}

	#again() {
		clearTimeout(this.retry);
		this.retry = setTimeout(() => this.#later(), 2000);
	}

	#forgetChunks() {
		for (const chunk of this.#chunks.values()) chunk.asked?.abort();
		this.#chunks.clear();
	}

	#forget() {
		this.#forgetChunks();
		this.#releaseAll();
		this.#focus = 0;
		this.#top = 0;
	}

	/** A thumbnail was made: if its item is in sight, show it. */
	#renewed(uuid) {
		this.renewing ??= new Set();
		for (const cell of this.#cells.values()) if (cell.item?.content_uuid === uuid) this.renewing.add(uuid);
		if (!this.renewing.size || this.renewTimer) return;
		this.renewTimer = setTimeout(async () => {
			this.renewTimer = 0;
			const uuids = [...this.renewing].slice(0, 50);
			this.renewing.clear();
			for (const one of uuids) {
				const fresh = await api.item(one).catch(() => null);
				if (!fresh) continue;
				const { thumbs, thumbhash } = fresh;
				for (const cell of this.#cells.values()) if (cell.item?.content_uuid === one) this.#fill(cell, Object.assign(cell.item, { thumbs, thumbhash }));
			}
			this.#later();
		}, 250);
	}

	/** Files came or went: count again. */
	#changed() {
		if (!this.#loaded || this.changeTimer) return;
		this.changeTimer = setTimeout(() => {
			this.changeTimer = 0;
			const first = this.#cells.get(this.#isHeld ? this.#focus : this.first);
			const known = !first || (first.item && first.turn === this.#turn);
			if (!known || this.hasAttribute("aria-busy")) return this.#changed();
			this.#counted = performance.now();
			this.#loaded = this.#load(first?.item);
		}, Math.max(100, this.#counted + RECOUNT_MS - performance.now()));
	}

	// hands --------

	#clicked(event) {
		const cell = event.target.closest(".cell");
		if (!cell?.item || !isPlain(event)) return;
		event.preventDefault();
		this.#focus = Number(cell.dataset.index);
		send(this, "open-item", { item: cell.item });
	}

	#key(event) {
		if (event.altKey || event.ctrlKey || event.metaKey) return;
		const page = Math.max(1, Math.floor(this.view / this.row)) * this.columns;
		const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -page, PageDown: page, Home: -this.#total, End: this.#total };
		if (event.key in steps) this.focusOn(this.#focus + steps[event.key]);
		else if (event.key === "ArrowUp" || event.key === "ArrowDown") this.focusOn(this.#vertical(event.key === "ArrowDown" ? 1 : -1));
		else if (event.key === " ") event.target.closest(".cell")?.click();
		else return;
		event.preventDefault();
	}

	/** The item above or below, also across the heading of a month. */
	#vertical(step) {
		const section = this.#sectionOf(this.#focus);
		const column = (this.#focus - section.first) % this.columns;
		const row = Math.floor((this.#focus - section.first) / this.columns) + step;
		if (row >= 0 && row < section.rows) return Math.min(section.first + section.count - 1, section.first + row * this.columns + column);
		const other = this.#sections[this.#sections.indexOf(section) + step];
		if (!other) return this.#focus;
		const start = step > 0 ? 0 : (other.rows - 1) * this.columns;
		return other.first + Math.min(other.count - 1, start + column);
	}

	#byMonth(step) {
		const now = this.#search((section) => section.y <= this.#top + 1);
		const section = this.#sections[within(0, now + step, this.#sections.length - 1)];
		if (!section) return;
		this.jump(section.y);
		announce(`${monthName(section.year, section.month)}, ${plural(section.count, "item")}`);
	}
}

/** The strip at the right edge: years along it, and the month under the hand. */
class Scrubber {
	#sections = [];
	#height = 1;

	constructor(jump, byMonth) {
		this.bubble = h("div.bubble", { hidden: true });
		this.mark = h("div.mark");
		this.years = h("div.years");
		this.element = h(
			"div.scrubber",
			{ role: "slider", tabindex: "0", "aria-label": "Month", "aria-orientation": "vertical", "aria-valuemin": "0", "aria-valuemax": "100", "aria-valuenow": "0" },
			this.years, this.mark, this.bubble,
		);
		let held = false;
		const share = (event) => {
			const box = this.element.getBoundingClientRect();
			return within(0, (event.clientY - box.top) / box.height, 1);
		};
		this.element.addEventListener("pointerdown", (event) => {
			held = true;
			this.element.setPointerCapture(event.pointerId);
			jump(share(event));
			event.preventDefault();
		});
		this.element.addEventListener("pointermove", (event) => {
			if (held) jump(share(event));
			this.#say(share(event));
		});
		const leave = () => {
			held = false;
			this.bubble.hidden = true;
		};
		for (const name of ["pointerup", "pointercancel"]) this.element.addEventListener(name, leave);
		this.element.onpointerleave = () => held || leave();
		this.element.addEventListener("keydown", (event) => {
			const steps = { ArrowUp: -1, ArrowLeft: -1, ArrowDown: 1, ArrowRight: 1, PageUp: -12, PageDown: 12, Home: -1e6, End: 1e6 };
			if (!(event.key in steps)) return;
			byMonth(steps[event.key]);
			event.preventDefault();
		});
	}

	show(sections, height) {
		this.#sections = sections;
		this.#height = height;
		this.element.hidden = sections.length < 2;
		const labels = [];
		let last = -1;
		let seen = null;
		for (const section of sections) {
			const share = section.y / height;
			if (section.year !== seen && share - last > 0.045 && share < 0.97) {
				const label = h("span", section.year);
				label.style.top = `${share * 100}%`;
				labels.push(label);
				last = share;
			}
			seen = section.year;
		}
		this.years.replaceChildren(...labels);
	}

	#say(share) {
		const y = share * this.#height;
		const found = this.#sections.findLast((section) => section.y <= y) ?? this.#sections[0];
		if (!found) return;
		this.bubble.hidden = false;
		this.bubble.textContent = monthShort(found.year, found.month);
		this.bubble.style.top = `${share * 100}%`;
	}

	at(share, section) {
		this.mark.style.top = `${share * 100}%`;
		this.element.ariaValueNow = Math.round(share * 100);
		if (section) this.element.ariaValueText = monthName(section.year, section.month);
	}
}

customElements.define("pillion-timeline", Timeline);
