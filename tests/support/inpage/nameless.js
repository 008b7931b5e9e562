// What a screen reader could not name, options outside a list, ids twice, targets too small to hit.
() => {
  const shown = (element) => element.checkVisibility?.({ visibilityProperty: true }) && !element.closest("[aria-hidden=true]");
  const wrong = [];
  for (const element of document.querySelectorAll("a[href], button, input, video, audio, img, [role], [tabindex='0'], dialog")) {
    if (!shown(element)) continue;
    const role = element.getAttribute("role");
    if (role === "status" || role === "alert" || role === "search") continue;
    const label = element.getAttribute("aria-label") || element.getAttribute("alt") || element.textContent.trim() || element.labels?.length;
    if (!label && !(element.localName === "img" && element.hasAttribute("alt"))) wrong.push(element.outerHTML.slice(0, 120));
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push(`id ${id} twice`);
  for (const option of document.querySelectorAll("[role=option]")) if (!option.closest("[role=listbox]")) wrong.push("an option in no list");
  if (document.querySelectorAll("main").length !== 1) wrong.push("not one main");
  if (!document.documentElement.lang) wrong.push("no language");
  for (const element of document.querySelectorAll("button, .kind")) {
    const box = element.getBoundingClientRect();
    if (shown(element) && box.width && (box.width < 24 || box.height < 24)) wrong.push(`too small to hit: ${element.outerHTML.slice(0, 80)}`);
  }
  return wrong;
}
