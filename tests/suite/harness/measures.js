// What the tests of pages measure, in the page itself. It is the test's, and no page has it.
(() => {
  const parse = (color) => {
    const parts = (color.match(/[\d.]+/g) || ["0", "0", "0", "0"]).map(Number);
    return [parts[0], parts[1], parts[2], parts.length > 3 ? parts[3] : 1];
  };
  const over = (top, under) => [0, 1, 2].map((i) => top[i] * top[3] + under[i] * (1 - top[3])).concat([1]);
  const light = (color) => {
    const [r, g, b] = color.slice(0, 3).map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const contrast = (one, other) => {
    const [high, low] = [light(one), light(other)].sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
  };
  const behind = (element) => {
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const color = parse(getComputedStyle(at).backgroundColor);
      layers.push(color);
      if (color[3] === 1) break;
    }
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255, 1]);
  };
  // In a drawing, what is behind a text is the last form before it that holds its middle.
  const behindInDrawing = (element) => {
    const svg = element.closest("svg");
    const box = element.getBoundingClientRect();
    const [x, y] = [box.left + box.width / 2, box.top + box.height / 2];
    let color = behind(svg);
    for (const form of svg.querySelectorAll("rect, circle, text")) {
      if (form === element) break;
      if (form.tagName === "text" || form.closest("defs, pattern")) continue;
      const place = form.getBoundingClientRect();
      const fill = getComputedStyle(form).fill;
      if (!fill.startsWith("rgb") || x < place.left || x > place.right || y < place.top || y > place.bottom) continue;
      color = over(parse(fill), color);
    }
    return color;
  };
  const isShown = (element) => {
    if (element.closest("style, script, title, .sr, defs")) return false;
    return element.getClientRects().length > 0 && getComputedStyle(element).visibility === "visible";
  };
  const measured = { texts: 0, forms: 0, low: [] };
  document.querySelectorAll("details").forEach((details) => (details.open = true));
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !isShown(element)) continue;
    const drawn = element.closest("svg");
    const style = getComputedStyle(element);
    const color = parse(drawn ? style.fill : style.color);
    const paper = drawn ? behindInDrawing(element) : behind(element);
    const found = contrast(over(color, paper), paper);
    measured.texts += 1;
    if (found < 4.5) measured.low.push(`${found.toFixed(2)}: ${texts.currentNode.data.trim().slice(0, 60)}`);
  }
  const forms = ".bar, .turn, .pause, .spark .line, .dot, .bound, .node, .arrow, .way, .before, .after, .cross, .tick.session";
  for (const form of document.querySelectorAll(forms)) {
    if (form.closest("defs")) continue;
    const style = getComputedStyle(form);
    const [stroke, fill] = [style.stroke, style.fill].map((color) => (color.startsWith("rgb") ? parse(color) : null));
    const paper = behind(form.closest("svg"));
    const found = Math.max(...[stroke, fill].filter(Boolean).map((color) => contrast(over(color, paper), paper)));
    measured.forms += 1;
    if (found < 3) measured.low.push(`${found.toFixed(2)}: form ${form.getAttribute("class")}`);
  }
  // What is wider than the page must be in a box of its own that scrolls.
  const wide = innerWidth;
  measured.wide = [...document.querySelectorAll("body *")]
    .filter((element) => isShown(element) && element.getBoundingClientRect().right > wide + 0.5)
    .filter((element) => {
      for (let at = element.parentElement; at; at = at.parentElement) {
        const style = getComputedStyle(at);
        if (["auto", "scroll"].includes(style.overflowX) && at.getBoundingClientRect().right <= wide + 0.5) return false;
      }
      return true;
    })
    .map((element) => `${element.tagName} ${element.getAttribute("class")}`);
  measured.scrolls = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  measured.innerWidth = innerWidth;
  // The structure that those who cannot see it go by.
  const wrong = [];
  let level = 0;
  for (const heading of document.querySelectorAll("h1, h2, h3, h4, h5, h6")) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) wrong.push(`heading of level ${next} after ${level}: ${heading.textContent.slice(0, 60)}`);
    level = next;
  }
  if (document.querySelectorAll("h1").length !== 1) wrong.push("there is not one h1");
  for (const name of ["main", "nav", "header", "footer"]) {
    if (document.querySelectorAll(`body ${name}`).length !== 1) wrong.push(`there is not one ${name}`);
  }
  const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
  for (const id of ids.filter((id, at) => ids.indexOf(id) !== at)) wrong.push(`two are called ${id}`);
  for (const link of document.querySelectorAll("a")) {
    const target = link.getAttribute("href");
    if (!target.startsWith("#") || !ids.includes(decodeURIComponent(target.slice(1)))) wrong.push(`a link to ${target}`);
  }
  for (const named of document.querySelectorAll("[aria-labelledby]")) {
    if (!ids.includes(named.getAttribute("aria-labelledby"))) wrong.push("a name that is nowhere");
  }
  for (const drawing of document.querySelectorAll("main svg")) {
    const hidden = drawing.closest("[aria-hidden=true]");
    if (!hidden && !drawing.getAttribute("aria-label")) wrong.push("a drawing without a name");
  }
  for (const box of document.querySelectorAll(".scroll, pre")) {
    if (box.tabIndex !== 0) wrong.push("a box that scrolls is out of reach of the keyboard");
  }
  for (const element of document.querySelectorAll("script, iframe, object, embed, img, link, form, input, base")) {
    wrong.push(`there is a ${element.tagName}`);
  }
  for (const element of document.querySelectorAll("*")) {
    for (const { name } of element.attributes) {
      if (name.startsWith("on") || name === "style" || name === "src") wrong.push(`an attribute ${name}`);
    }
  }
  const skip = document.querySelector("a");
  skip.focus();
  const place = skip.getBoundingClientRect();
  if (place.left < 0 || place.top < 0 || getComputedStyle(skip).outlineStyle === "none") {
    wrong.push("the first link is not seen when it is reached");
  }
  measured.wrong = wrong;
  return measured;
})()
