// The page: its header, what the address says is shown, the way back, signing in, and news from the server.
//
// The address holds all that is shown: ?type=image, ?q=plum+jam, ?view=work, and ?item=UUID (&page=3, &t=12.5) over it.
// So the back button, a bookmark and a second tab do what is expected of them.

import * as api from "./api.js";
import "./search.js";
import "./timeline.js";
import "./viewer.js";
import "./work.js";
import { announce, button, h, icon, plural } from "./words.js";

const KINDS = [
	["", "All"],
	["image", "Pictures"],
	["video", "Films"],
	["audio", "Sound"],
	["pdf", "PDFs"],
	["text", "Documents"],
];
const THEMES = { "": "as the system", light: "light", dark: "dark" };

class App extends HTMLElement {
	connectedCallback() {
		this.timeline = h("pillion-timeline");
		this.search = h("pillion-search", { hidden: true });
		this.work = h("pillion-work", { hidden: true });
		this.viewer = h("pillion-viewer");
		this.input = h("input", {
			type: "search", name: "q", placeholder: "Search", "aria-label": "Search what is written, said and meant", autocomplete: "off", spellcheck: "false", enterkeyhint: "search", maxlength: "1000",
		});
		const form = h("form.searchbox", { role: "search" }, icon("search"), this.input, h("kbd", { "aria-hidden": "true" }, "/"));
		form.addEventListener("submit", (event) => {
			event.preventDefault();
			this.#typed(true);
			if (this.search.total) this.search.focusOn(0);
		});
		this.input.oninput = () => this.#typed(false);
		this.input.addEventListener("keydown", (event) => {
			if (event.key === "ArrowDown" && !this.search.hidden) this.search.focusOn(0);
			else if (event.key === "Escape" && this.input.value) {
				this.input.value = "";
				this.#typed(true);
			} else if (event.key === "Escape") this.input.blur();
			else return;
			event.preventDefault();
			event.stopPropagation();
		});
		this.home = this.#link("?", "home", h("img", { src: "/page/icon.svg", alt: "", width: "26", height: "26" }), h("span", "Pillion"));
		this.home.ariaLabel = "Pillion: everything";
		this.activity = this.#link("?view=work", "plain activity", icon("work"), h("span.dot", { hidden: true }));
		this.activity.ariaLabel = "Work";
		this.activity.title = "Work";
		this.kinds = h("nav.kinds", { "aria-label": "Kinds of files" });
		this.status = h("p.offline", { role: "status", hidden: true, text: "The server is not reached; the page goes on when it is back." });
		this.main = h("main", { id: "main", tabindex: "-1" }, this.timeline, this.search, this.work);
		this.replaceChildren(
			h("header.top", this.home, form, h("div.end", this.activity, button("theme", "Light or dark", () => this.#nextTheme(), { id: "theme" }))),
			this.kinds, this.status, this.main, this.viewer,
			h("div.toast", { id: "toast", role: "alert", hidden: true }),
			h("p.unseen", { id: "live", role: "status", "aria-live": "polite" }),
		);
		this.#theme(kept("theme") ?? "");
		this.addEventListener("open-item", (event) => this.#open(event.detail));
		this.addEventListener("stepped", ({ detail }) => this.#stepped(detail));
		this.addEventListener("closed", () => this.#closed());
		this.addEventListener("counted", ({ detail }) => announce(plural(detail, "item")));
		addEventListener("popstate", () => this.#route());
		document.addEventListener("keydown", (event) => this.#key(event));
		api.on("login", () => this.#login());
		api.on("offline", () => this.#reached(false));
		api.on("online", () => this.#reached(true));
		api.on("progress", (detail) => this.#progress(detail));
		this.#route();
		this.#begin();
	}

	/** Events are followed when the server lets us in. */
	async #begin() {
		try {
			await api.enter();
			api.follow();
		} catch {
			// the bus has told why, and the page asks for a token or says that the server is not reached
		}
	}

	#link(href, classes, ...children) {
		return h("a", { href, class: classes, go: () => this.#go(href) }, ...children);
	}

	// the address --------

	#go(href, { replace = false, state = null } = {}) {
		const now = location.search || "?";
		if (href === now && !state) return this.#route();
		history[replace ? "replaceState" : "pushState"](state, "", href);
		this.#route(state);
	}

	#route() {
		const asked = address();
		const query = asked.get("q") ?? "";
		const type = KINDS.some(([kind]) => kind === asked.get("type")) ? asked.get("type") : "";
		const view = asked.get("view") === "work" ? "work" : query.trim() ? "search" : "timeline";
		const filter = type ? { type } : {};
		this.view = view;
		this.timeline.hidden = view !== "timeline";
		this.search.hidden = view !== "search";
		this.work.hidden = view !== "work";
		this.kinds.hidden = view === "work";
		if (document.activeElement !== this.input) this.input.value = query;
		this.#showKinds(type, query);
		this.activity.toggleAttribute("aria-current", view === "work");
		if (view === "timeline") this.timeline.show(filter);
		else if (view === "search") this.search.show(query.trim(), filter, { now: document.activeElement !== this.input });
		this.work.active = view === "work";
		const uuid = asked.get("item");
		for (const part of [this.firstChild, this.kinds, this.main]) part.inert = Boolean(uuid);
		if (!uuid) {
			this.viewer.hide();
			document.title = { work: "Work – Pillion", search: `${query} – Pillion`, timeline: "Pillion" }[view];
			return;
		}
		if (this.viewer.uuid === uuid) return;
		const detail = this.opening?.item.content_uuid === uuid ? this.opening : null;
		const sequence = detail?.sequence === null ? null : { search: this.search, timeline: this.timeline }[view];
		const page = Number(asked.get("page")) || null;
		const second = asked.has("t") ? Number(asked.get("t")) : null;
		const place = detail?.place ?? (second !== null && isFinite(second) ? { seconds: [second, second] } : page ? { page } : null);
		const hits = detail?.hits ?? history.state?.hits ?? (query ? query.split(/[\s"*+]+/) : []);
		this.viewer.open(detail?.item ?? { content_uuid: uuid }, { place, hits, sequence });
	}

	#addressOf({ item, place }) {
		const asked = address("page", "t");
		asked.set("item", item.content_uuid);
		if (place?.page) asked.set("page", place.page);
		if (place?.seconds) asked.set("t", place.seconds[0]);
		return `?${asked}`;
	}

	#open(detail) {
		this.opening = detail;
		const state = { hits: detail.hits ?? [], own: true };
		this.#go(this.#addressOf(detail), { state, replace: !this.viewer.hidden && detail.sequence !== null });
	}

	#stepped({ item }) {
		this.opening = { item, hits: item.passages ? undefined : [] };
		history.replaceState({ ...history.state, hits: [] }, "", this.#addressOf({ item }));
		this.#route();
		this.last = item;
	}

	/** The viewer is left as the back button leaves it, where we opened it; else by an address without it. */
	#closed() {
		const item = this.last;
		this.last = null;
		if (history.state?.own) {
			addEventListener("popstate", () => item && this[this.view].reveal?.(item), { once: true });
			history.back();
			return;
		}
		this.#go(`?${address("item", "page", "t")}`, { replace: true });
	}

	/** What is typed becomes the address: one entry of the history for a search, not one for each letter. */
	#typed(done) {
		const asked = address("item", "page", "t", "view");
		const before = asked.get("q") ?? "";
		const query = this.input.value;
		if (query.trim()) asked.set("q", query);
		else asked.delete("q");
		if (query !== before) this.#go(`?${asked}`, { replace: Boolean(before && query), state: { typed: true } });
		if (done && query.trim()) this.search.show(query.trim(), asked.get("type") ? { type: asked.get("type") } : {}, { now: true });
	}

	#showKinds(type, query) {
		this.kinds.replaceChildren(
			...KINDS.map(([kind, name]) => {
				const asked = new URLSearchParams();
				if (query.trim()) asked.set("q", query);
				if (kind) asked.set("type", kind);
				const link = this.#link(`?${asked}`, "kind", name);
				if (kind === type) link.ariaCurrent = "true";
				return link;
			}),
		);
	}

	// hands --------

	#key(event) {
		if (event.defaultPrevented || event.altKey || event.ctrlKey || event.metaKey) return;
		if (event.target.closest?.("input, textarea, dialog, pillion-viewer")) return;
		if (event.key === "/") this.input.focus();
		else if (event.key === "Escape" && this.view !== "timeline") this.#go("?");
		else if (this.view === "timeline" && ["ArrowDown", "ArrowRight", "ArrowUp", "ArrowLeft"].includes(event.key) && !event.target.closest?.("[role=option], [role=slider]")) this.timeline.focusOn(this.timeline.first);
		else return;
		event.preventDefault();
	}

	// light and dark --------

	#theme(name) {
		const theme = name in THEMES ? name : "";
		if (theme) document.documentElement.dataset.theme = theme;
		else delete document.documentElement.dataset.theme;
		const control = this.querySelector("#theme");
		control.title = `Colours: ${THEMES[theme]}`;
		control.ariaLabel = control.title;
	}

	#nextTheme() {
		const order = matchMedia("(prefers-color-scheme: dark)").matches ? ["", "light", "dark"] : ["", "dark", "light"];
		const now = document.documentElement.dataset.theme ?? "";
		const next = order[(order.indexOf(now) + 1) % order.length];
		this.#theme(next);
		kept("theme", next);
		announce(`Colours: ${THEMES[next]}`);
	}

	// the server --------

	#reached(yes) {
		this.status.hidden = yes;
	}

	#progress({ left }) {
		const busy = left > 0;
		this.activity.querySelector(".dot").hidden = !busy;
		this.activity.ariaLabel = busy ? `Work: ${plural(left, "job")} left` : "Work";
	}

	#login() {
		if (this.dialog?.open) return;
		api.unfollow();
		const input = h("input", { type: "password", name: "token", required: true, autocomplete: "current-password", "aria-label": "Token", "aria-describedby": "token-said", spellcheck: "false" });
		const said = h("p.said", { id: "token-said", role: "alert" });
		const go = h("button.button.main", { type: "submit" }, "Open");
		const form = h("form", { method: "dialog" }, h("img", { src: "/page/icon.svg", alt: "", width: "44", height: "44" }), h("h2", "This library needs a token"), h("p", "It was shown when the server was first started; ", h("code", "pillion token create NAME"), " makes another."), input, said, go);
		this.dialog?.remove();
		this.dialog = h("dialog.login", { "aria-label": "Token" }, form);
		this.dialog.addEventListener("cancel", (event) => event.preventDefault());
		form.addEventListener("submit", async (event) => {
			event.preventDefault();
			go.disabled = true;
			said.textContent = "";
			try {
				await api.logIn(input.value.trim());
				this.dialog.close();
				this.dialog.remove();
				api.follow();
				this.timeline.again();
				this.#route();
			} catch (error) {
				said.textContent = error.message;
				input.select();
			}
			go.disabled = false;
		});
		this.append(this.dialog);
		this.dialog.showModal();
		input.focus();
	}
}

/** What the address asks for, without some of it. */
function address(...without) {
	const asked = new URLSearchParams(location.search);
	for (const name of without) asked.delete(name);
	return asked;
}

/** What this browser keeps for the page; with a value, keep that. Some browsers keep nothing. */
function kept(name, value) {
	try {
		if (value !== undefined) localStorage.setItem(`pillion.${name}`, value);
		return localStorage.getItem(`pillion.${name}`);
	} catch {
		return null;
	}
}

customElements.define("pillion-app", App);
