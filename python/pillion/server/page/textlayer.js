// The words of a page, each over its place in the picture: not seen, but there to be selected, copied and found.

import { h } from "./words.js";

const measure = document.createElement("canvas").getContext("2d");
const WORDS_AT_ONCE = 400;

/** Words as they are compared: without case, accents and signs around them. */
export const plainWord = (text) =>
	text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, "");

/**
 * The layer of one page of an `ocr` sidecar, `width` x `height` in the page's own unit; scale it with `fit`.
 * `hits`: words (plain) that are marked. `visible`: the text is shown, for pages without a picture.
 */
export function textLayer(page, { hits = new Set(), visible = false, signal } = {}) {
	const layer = h("div.textlayer", { role: "document", "aria-label": `Text of page ${page.number}`, tabindex: "-1" });
	layer.classList.toggle("visible", visible);
	layer.style.width = `${page.width}px`;
	layer.style.height = `${page.height}px`;
	const lines = page.lines.filter((line) => line.box || line.words?.some((word) => word.box));
	let next = 0;
	const step = () => {
		if (signal?.aborted) return;
		let words = 0;
		const some = [];
		while (next < lines.length && words < WORDS_AT_ONCE) {
			const line = lines[next++];
			words += Math.max(1, line.words?.length ?? 0);
			some.push(lineOf(line, hits));
		}
		layer.append(...some);
		if (next < lines.length) requestAnimationFrame(step);
	};
	step();
	return layer;
}

function lineOf(line, hits) {
	const words = line.words?.length ? line.words.filter((word) => word.box) : [{ text: line.text, box: line.box }];
	const element = h("span.line");
	words.forEach((word) => {
		const [left, top, right, bottom] = word.box;
		const upright = bottom - top <= (right - left) * 3 || word.text.length < 3;
		const size = Math.max(1, upright ? bottom - top : right - left);
		const length = Math.max(1, upright ? right - left : bottom - top);
		const span = h("span.word", word.text);
		measure.font = `${size}px sans-serif`;
		const natural = measure.measureText(word.text).width || 1;
		span.style.left = `${left}px`;
		span.style.top = `${top}px`;
		span.style.fontSize = `${size}px`;
		span.style.transform = upright ? `scaleX(${length / natural})` : `translateX(${size}px) rotate(90deg) scaleX(${length / natural})`;
		if (hits.size && hits.has(plainWord(word.text))) span.classList.add("found");
		element.append(span, " ");
	});
	element.append(h("br"));
	return element;
}

/** Scale a layer to the width of what it lies on. */
export function fit(layer, page, width) {
	layer.style.transform = `scale(${width / page.width})`;
}
