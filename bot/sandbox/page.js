"use strict";
// The chat as the server tells it (server-sent events), drawn anew where something has changed.

const byId = (id) => document.getElementById(id);
const people = JSON.parse(byId("people").textContent);
const shown = new Map(); // message id -> what was drawn, as JSON
const seen = new Map(); // person -> number of the newest message that was looked at
let person = people.find((one) => String(one.id) === location.hash.slice(1)) ?? people[0];
let source = null;
let lastToast = null;
let latest = null;

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function buttonRows(rows, make) {
  return rows.map((row) => {
    const line = element("div", "row");
    line.append(...row.map(make));
    return line;
  });
}

async function post(what, body) {
  try {
    const answer = await fetch(`/chat/${person.id}/${what}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(body),
    });
    if (!answer.ok) pop((await answer.json()).error);
  } catch {
    pop("Нет связи с программой");
  }
}

const write = (text) => post("write", { text });

let popped = 0;
function pop(text) {
  if (!text) return;
  const toast = byId("toast");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(popped);
  popped = setTimeout(() => { toast.hidden = true; }, 3200);
}

function drawMessage(message) {
  const node = element("article", message.mine ? "message mine" : "message");
  node.dataset.id = message.id;
  const bubble = element("div", "bubble");
  if (message.photo) {
    const picture = element("img");
    picture.src = `/chat/${person.id}/photos/${message.id}`;
    picture.alt = "Посетитель";
    picture.onload = toEnd;
    bubble.append(picture);
  }
  const at = new Date(message.at * 1000).toLocaleTimeString("ru", { hour: "2-digit", minute: "2-digit" });
  bubble.append(element("span", "body", message.text));
  bubble.append(element("time", "time", at));
  node.append(bubble);
  if (message.buttons.length) {
    const rows = element("div", "rows");
    rows.append(...buttonRows(message.buttons, (one) => {
      const button = element("button", "", one.text);
      button.type = "button";
      button.disabled = message.waiting;
      button.onclick = () => {
        button.disabled = true;
        post("press", { message: message.id, data: one.data });
      };
      return button;
    }));
    node.append(rows);
  }
  return node;
}

function toEnd() {
  const chat = byId("chat");
  chat.scrollTop = chat.scrollHeight;
}

function drawMessages(messages) {
  const chat = byId("chat");
  const ids = new Set(messages.map((one) => String(one.id)));
  let added = false;
  for (const node of [...chat.children]) {
    if (!ids.has(node.dataset.id)) {
      shown.delete(Number(node.dataset.id));
      node.remove();
    }
  }
  for (const message of messages) {
    const now = JSON.stringify(message);
    if (shown.get(message.id) === now) continue;
    const old = shown.has(message.id) && chat.querySelector(`[data-id="${message.id}"]`);
    const node = drawMessage(message);
    if (old) {
      node.style.animation = "none";
      old.replaceWith(node);
    } else {
      chat.append(node);
      added = true;
    }
    shown.set(message.id, now);
  }
  if (!messages.length) chat.append(element("div", "empty", "Здесь пока ничего нет"));
  return added;
}

function drawKeyboard(state) {
  const keyboard = byId("keyboard");
  const labels = state.messages.length ? state.keyboard : [["Запустить"]];
  const now = JSON.stringify([labels, !state.messages.length]);
  if (keyboard.dataset.now === now) return;
  keyboard.dataset.now = now;
  keyboard.replaceChildren(...buttonRows(labels, (label) => {
    const button = element("button", state.messages.length ? "" : "start", label);
    button.type = "button";
    button.onclick = () => write(state.messages.length ? label : "/start");
    return button;
  }));
}

// What to do next, for someone who sees this for the first time, and which button that is.
function advise(state) {
  const inKeyboard = () => byId("keyboard").querySelector("button");
  const { messages } = state;
  if (!messages.length) {
    return [`Вы — ${person.name}, продавец-консультант. Начните: нажмите «Запустить».`, inKeyboard()];
  }
  const mine = messages.filter((one) => one.mine);
  const lastMine = mine.length ? mine[mine.length - 1].id : 0;
  const visitor = messages.findLast((one) => !one.mine && (one.buttons.length || one.edited));
  const label = state.keyboard[0]?.[0];
  if (visitor && visitor.id > lastMine && visitor.buttons.length) {
    const first = byId("chat").querySelector(`[data-id="${visitor.id}"] .rows button`);
    if (!visitor.edited) return [`Пришёл посетитель! Нажмите «${first.textContent}».`, first];
    const marked = visitor.buttons.flat().some((one) => one.text.startsWith("✓"));
    if (first && !marked) return ["Отметьте, куда шёл посетитель: на этом бот учится.", first];
    if (label) return [`Освободились? Нажмите «${label}» внизу.`, inKeyboard()];
  }
  if (mine.some((one) => !one.text.startsWith("/"))) {
    return ["Ждём посетителя: сообщение появится здесь само.", null];
  }
  return label ? [`Теперь нажмите «${label}» внизу.`, inKeyboard()] : ["", null];
}

function drawHint(state) {
  const [text, button] = advise(state);
  byId("hint").textContent = text;
  for (const old of document.querySelectorAll(".next")) old.classList.remove("next");
  button?.classList.add("next");
}

function drawMenu(commands) {
  byId("commands").hidden = !commands.length;
  byId("menu").replaceChildren(...commands.map((one) => {
    const item = element("li");
    const button = element("button", "", `/${one.command}`);
    button.type = "button";
    button.append(element("span", "", one.description));
    button.onclick = () => { byId("menu").hidden = true; write(`/${one.command}`); };
    item.append(button);
    return item;
  }));
}

function drawPersons(newest) {
  byId("persons").hidden = people.length < 2;
  byId("persons").replaceChildren(...people.map((one) => {
    const button = element("button", "", one.name);
    button.type = "button";
    button.setAttribute("aria-pressed", String(one === person));
    const number = newest[one.id] ?? 0;
    if (one === person) seen.set(one.id, number);
    else if (!seen.has(one.id)) seen.set(one.id, number);
    if (number > seen.get(one.id)) button.classList.add("fresh");
    button.onclick = () => choose(one);
    return button;
  }));
}

function draw(state) {
  const before = latest?.newest[person.id];
  const chat = byId("chat");
  const atEnd = chat.scrollHeight - chat.scrollTop - chat.clientHeight < 120;
  const added = drawMessages(state.messages);
  drawKeyboard(state);
  drawMenu(state.commands);
  drawPersons(state.newest);
  drawHint(state);
  if (added || atEnd) toEnd(); // Last, since all of these take some of the chat's height.
  if (state.toast && state.toast.id !== lastToast && lastToast !== null) pop(state.toast.text);
  lastToast = state.toast?.id ?? "";
  if (document.hidden && before !== undefined && state.newest[person.id] > before) document.title = "● Амико — чат";
  latest = state;
}

// Between two polls the bot doesn't listen for a moment: only a longer silence counts.
let silence = 0;
function showLine(online) {
  clearTimeout(silence);
  const show = () => {
    byId("line").textContent = online ? "бот на связи" : "бот не на связи";
    byId("line").className = online ? "line on" : "line";
  };
  if (online) show();
  else silence = setTimeout(show, 3000);
}

function choose(one) {
  person = one;
  location.hash = String(one.id);
  shown.clear();
  lastToast = null;
  latest = null;
  byId("chat").replaceChildren();
  source?.close();
  source = new EventSource(`/chat/${one.id}/events`);
  source.onmessage = (event) => {
    const state = JSON.parse(event.data);
    showLine(state.online);
    draw(state);
  };
  source.onerror = () => showLine(false);
}

document.addEventListener("visibilitychange", () => { if (!document.hidden) document.title = "Амико — чат"; });
byId("commands").onclick = () => { byId("menu").hidden = !byId("menu").hidden; };
byId("form").onsubmit = (event) => {
  event.preventDefault();
  const text = byId("text").value.trim();
  byId("text").value = "";
  if (text) write(text);
};
choose(person);
