// Numbers, dates and names as people read them, and how the page is built.

// A browser takes milliseconds to make each of these: when it is first needed.
function written(options) {
	let format;
	return (value) => (format ??= new Intl.DateTimeFormat(undefined, { ...options, timeZone: "UTC" })).format(value);
}
const full = written({ dateStyle: "long", timeStyle: "short" });
const day = written({ dateStyle: "long" });
const month = written({ month: "long", year: "numeric" });
const shortMonth = written({ month: "short", year: "numeric" });

export const count = (value) => Number(value).toLocaleString();
export const plural = (value, one, many = one + "s") => `${count(value)} ${value === 1 ? one : many}`;
export const monthName = (year, at) => month(Date.UTC(year, at - 1, 15));
export const monthShort = (year, at) => shortMonth(Date.UTC(year, at - 1, 15));

/** ms since 1970 -> a date; "" for none. Dates of the timeline are kept as what the clock showed, so in UTC. */
export function date(ms, format = full) {
	try {
		return ms == null ? "" : format(ms);
	} catch {
		return "";
	}
}
export const dayOf = (ms) => date(ms, day);

export function bytes(size) {
	if (size == null) return "";
	const units = ["bytes", "kB", "MB", "GB", "TB"];
	let unit = 0;
	let value = size;
	while (value >= 1000 && unit < units.length - 1) {
		value /= 1000;
		unit++;
	}
	return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** Seconds -> 1:02:03. */
export function clock(seconds) {
	const whole = Math.max(0, Math.floor(seconds || 0));
	const s = String(whole % 60).padStart(2, "0");
	const m = Math.floor(whole / 60) % 60;
	const h = Math.floor(whole / 3600);
	return h ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

const SPANS = [[90, 1, "second"], [5400, 60, "minute"], [129600, 3600, "hour"], [Infinity, 86400, "day"]];
/** Seconds -> "about 3 minutes". */
export function span(seconds) {
	const [, unit, name] = SPANS.find(([below]) => seconds < below) ?? [];
	return unit ? `about ${plural(Math.max(1, Math.round(seconds / unit)), name)}` : "";
}

export const nameOf = (path) => String(path ?? "").split("/").pop() || "Without a name";
export const endingOf = (path) => {
	const name = nameOf(path);
	const dot = name.lastIndexOf(".");
	return dot > 0 && name.length - dot <= 6 ? name.slice(dot + 1).toUpperCase() : "";
};

/** What a thing is to the page: image, video, audio, pdf or document. */
export const classOf = (item) => (item.class in CLASS_NAMES ? item.class : "document");
export const CLASS_NAMES = { image: "Picture", video: "Film", audio: "Sound", pdf: "PDF", document: "Document" };

/**
 * Build an element: h("a.link", {href, onclick, "aria-label"}, ...children); the attributes may be left out. Text stays
 * text: no markup is parsed. `go`: what a plain click on a link does in its place.
 */
export function h(what, attributes = {}, ...children) {
	if (attributes === null || typeof attributes !== "object" || attributes instanceof Node || Array.isArray(attributes)) return h(what, {}, attributes, ...children);
	const [tag, ...classes] = what.split(".");
	const element = document.createElement(tag || "div");
	if (classes.length) element.className = classes.join(" ");
	if (element.type === "submit" && element.localName === "button") element.type = "button"; // until it is said
	for (const [name, value] of Object.entries(attributes)) {
		if (value == null || value === false) continue;
		if (name === "go") element.addEventListener("click", (event) => isPlain(event) && (event.preventDefault(), value()));
		else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
		else if (name === "text") element.textContent = value;
		else element.setAttribute(name, value === true ? "" : value);
	}
	element.append(...children.flat().filter((child) => child != null && child !== false));
	return element;
}

/** Whether a click is one that the page answers: others open a tab or a window. */
export const isPlain = (event) => !(event.button || event.ctrlKey || event.metaKey || event.shiftKey);

/** Tell those above an element of something. */
export const send = (element, name, detail) => element.dispatchEvent(new CustomEvent(name, { bubbles: true, detail }));

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
	back: "M15 5l-7 7 7 7",
	next: "M9 5l7 7-7 7",
	search: "M10.5 4a6.5 6.5 0 1 1 0 13 6.5 6.5 0 0 1 0-13zM15.5 15.5L20 20",
	info: "M12 4a8 8 0 1 1 0 16 8 8 0 0 1 0-16zM12 11v5M12 8v.2",
	down: "M12 4v11M7.5 11l4.5 4.5 4.5-4.5M5 20h14",
	plus: "M12 6v12M6 12h12",
	minus: "M6 12h12",
	theme: "M12 4a8 8 0 1 0 0 16zM12 4a8 8 0 0 1 0 16",
	work: "M4 12h3l2.5-6 5 12L17 12h3",
	play: "M8 5.5l10 6.5-10 6.5z",
	pause: "M8.5 6v12M15.5 6v12",
	again: "M19 12a7 7 0 1 1-2-4.9M19 4v4h-4",
	audio: "M9 17V6l10-2v11M9 17a2.5 2.5 0 1 1-2.5-2.5M19 15a2.5 2.5 0 1 1-2.5-2.5",
	similar: "M4 4h9v9H4zM16 8h4v12H8v-4",
};

export function icon(name) {
	const svg = document.createElementNS(SVG, "svg");
	svg.setAttribute("viewBox", "0 0 24 24");
	svg.setAttribute("aria-hidden", "true");
	svg.setAttribute("class", "icon");
	const path = document.createElementNS(SVG, "path");
	path.setAttribute("d", ICONS[name]);
	svg.append(path);
	return svg;
}

export const button = (iconName, label, onclick, more = {}) =>
	h("button.plain", { "aria-label": label, title: label, onclick, ...more }, icon(iconName));

/** A button with words, and an icon before them where one is named. `label`: what it is to screen readers. */
export const words = (text, onclick, { label, iconName, size = "" } = {}) => h(`button.button${size}`, { "aria-label": label, onclick }, iconName && icon(iconName), text);
export const small = (text, onclick, more) => words(text, onclick, { ...more, size: ".small" });

/** Say something to screen readers. */
export function announce(text) {
	const region = document.getElementById("live");
	if (region) region.textContent = text;
}

let hideToast = 0;
/** Show one sentence for a while, and read it out. */
export function toast(text, { bad = false } = {}) {
	const element = document.getElementById("toast");
	if (!element) return;
	element.textContent = text;
	element.classList.toggle("bad", bad);
	element.hidden = false;
	clearTimeout(hideToast);
	hideToast = setTimeout(() => (element.hidden = true), 6000);
}

/** Say what went wrong, unless it was called off. */
export const complain = (error) => error.name === "AbortError" || toast(error.message, { bad: true });

/** A number as near as a range allows. */
export const within = (low, value, high) => Math.max(low, Math.min(high, value));
