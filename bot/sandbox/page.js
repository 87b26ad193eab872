"use strict";
// A phone for each chat of a person with a bot. The server tells each chat's state (server-sent events); what has
// changed in it is drawn anew.

const byId = (id) => document.getElementById(id);

function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

function pressable(text, className, onclick) {
  const button = element("button", className, text);
  button.type = "button";
  button.onclick = onclick;
  return button;
}

function buttonRows(rows, make) {
  return rows.map((row) => {
    const line = element("div", "row");
    line.append(...row.map(make));
    return line;
  });
}

// A question with a few answers, or a word that has to be read.
function ask(question, answers) {
  let chosen = null;
  byId("question").textContent = question;
  byId("answers").replaceChildren(...answers.map(([text, then]) => {
    const button = element("button", "", text);
    button.onclick = () => { chosen = then; };
    return button;
  }));
  byId("ask").onclose = () => chosen?.(); // closed first, since that gives the keyboard's place back
  byId("ask").showModal();
}

// Bold, code, links: entities may lie within each other, never across.
const TAGS = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code", pre: "pre", blockquote: "blockquote" };
function formatted(phone, text, entities, from = 0, to = text.length) {
  const parts = [];
  let place = from;
  const inside = entities.filter((one) => one.offset >= from && one.offset + one.length <= to);
  while (inside.length) {
    const one = inside.shift();
    if (one.offset < place) continue; // drawn within the one before
    const end = one.offset + one.length;
    parts.push(text.slice(place, one.offset));
    const node = wrapper(phone, one, text.slice(one.offset, end));
    node.append(...formatted(phone, text, inside, one.offset, end));
    parts.push(node);
    place = end;
  }
  parts.push(text.slice(place, to));
  return parts;
}

function wrapper(phone, entity, text) {
  if (entity.kind === "bot_command") return pressable("", "link", () => phone.write(text));
  const address = entity.kind === "url" ? text : entity.url;
  if (!/^https?:\/\//.test(address ?? "")) return element(TAGS[entity.kind] ?? "span");
  const link = element("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noreferrer";
  const bot = address.match(/^https?:\/\/t\.me\/(\w+)(?:\?start=([\w-]{1,64}))?$/);
  if (bot) link.onclick = (event) => { event.preventDefault(); follow(bot[1], bot[2] ?? ""); };
  return link;
}

// A deep link: on whose phone is it opened? There it waits for «Запустить», as in Telegram.
function follow(username, code) {
  const those = phones.filter((one) => one.known.username.toLowerCase() === username.toLowerCase());
  if (!those.length) return ask("Такого бота здесь нет", [["Понятно", null]]);
  ask("На чьём телефоне открыть эту ссылку?", [
    ...those.map((one) => [one.known.name, () => one.start(code)]),
    ["Отмена", null],
  ]);
}

class Phone {
  constructor(known) {
    this.known = known;
    this.id = `${known.bot}-${known.person}`;
    this.node = byId("phone").content.firstElementChild.cloneNode(true);
    this.drawn = new Map(); // message id -> what was drawn, as JSON
    this.state = null;
    this.code = null; // of a deep link that waits to be started
    this.unread = 0;
    this.toasted = null;
    this.get = (selector) => this.node.querySelector(selector);
    this.node.id = this.id;
    this.node.setAttribute("aria-label", `Телефон: ${known.name}`);
    this.get(".who").textContent = known.name;
    this.get(".avatar").textContent = known.name.trim()[0];
    this.get(".avatar").dataset.colour = known.person % 5;
    this.get(".log").setAttribute("aria-label", `Переписка: ${known.name}`);
    this.get(".commands").onclick = () => this.openMenu(this.get(".menu").hidden);
    this.node.onkeydown = (event) => { if (event.key === "Escape") this.openMenu(false); };
    this.get("form").onsubmit = (event) => {
      event.preventDefault();
      const input = this.get("input");
      const text = input.value.trim();
      input.value = "";
      if (text) this.write(text);
    };
    this.tab = pressable(known.name, "tab", () => show(this));
    this.tab.setAttribute("aria-controls", this.id);
  }

  async post(what, body) {
    try {
      const answer = await fetch(`/chat/${this.known.bot}/${this.known.person}/${what}`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
      });
      if (!answer.ok) this.pop((await answer.json()).error);
    } catch {
      this.pop("Нет связи с программой");
    }
  }

  write(text) { return this.post("write", { text }); }

  start(code) {
    this.code = code;
    show(this);
    this.draw(this.state);
    this.get(".keyboard button").focus();
  }

  pop(text) {
    const toast = this.get(".toast");
    toast.textContent = text;
    toast.hidden = !text;
    clearTimeout(this.popped);
    this.popped = setTimeout(() => { toast.hidden = true; }, 3500);
  }

  openMenu(open) {
    const has = this.get(".menu").childElementCount > 0;
    this.get(".menu").hidden = !(open && has);
    this.get(".commands").setAttribute("aria-expanded", String(open && has));
    if (open && has) this.get(".menu button").focus();
  }

  toEnd() { this.get(".log").scrollTop = this.get(".log").scrollHeight; }

  // Between two polls the bot doesn't listen for a moment: only a longer silence counts.
  showLine(online) {
    clearTimeout(this.silence);
    const line = (text) => {
      if (this.get(".line").textContent !== text) this.get(".line").textContent = text;
      this.get(".line").classList.toggle("on", online);
    };
    const { botName, role } = this.known;
    if (online) line(`${botName} на связи · ${role}`);
    else this.silence = setTimeout(() => line(`${botName} не на связи`), 3000);
  }

  draw(state) {
    const first = this.state === null;
    const log = this.get(".log");
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 120;
    const added = this.drawMessages(state.messages);
    this.state = state;
    this.drawKeyboard();
    this.drawMenu();
    this.drawHint();
    if (added || atEnd) this.toEnd(); // last, since all of these take some of the log's height
    if (state.toast && state.toast.id !== this.toasted && !first && state.toast.text) {
      if (state.toast.alert) ask(state.toast.text, [["ОК", null]]);
      else this.pop(state.toast.text);
    }
    this.toasted = state.toast?.id ?? null;
    if (added && !first) this.notice(added);
  }

  // New from the bot, and nobody looks: the tab says how many, the window that there is something.
  notice(count) {
    const visible = this.node.offsetParent !== null && !document.hidden;
    this.unread = visible ? 0 : this.unread + count;
    if (document.hidden) document.title = "● Амико — чат";
    this.drawTab();
  }

  drawTab() {
    this.tab.textContent = this.known.name;
    if (this.unread) {
      const mark = element("span", "mark", String(this.unread));
      mark.setAttribute("aria-label", `, непрочитанных: ${this.unread}`);
      this.tab.append(mark);
    }
  }

  // How many messages of the bot have come.
  drawMessages(messages) {
    const log = this.get(".log");
    const ids = new Set(messages.map((one) => String(one.id)));
    let added = 0;
    for (const node of [...log.children]) {
      if (ids.has(node.dataset.id)) continue;
      this.drawn.delete(Number(node.dataset.id));
      node.remove();
    }
    for (const message of messages) {
      const now = JSON.stringify(message);
      if (this.drawn.get(message.id) === now) continue;
      const old = this.drawn.has(message.id) && log.querySelector(`[data-id="${message.id}"]`);
      const node = this.drawMessage(message, old ? old.querySelector("img") : null);
      if (old) {
        const focused = old.contains(document.activeElement);
        node.classList.add("still");
        old.replaceWith(node);
        if (focused) (node.querySelector("button") ?? this.get(".keyboard button") ?? log).focus();
      } else {
        log.append(node);
        added += message.mine ? 0 : 1;
      }
      this.drawn.set(message.id, now);
    }
    if (!messages.length) log.append(element("div", "empty", "Здесь пока ничего нет"));
    return added;
  }

  // `picture`: the one that is there already, if any; loading it again would flicker.
  drawMessage(message, picture) {
    const node = element("article", message.mine ? "message mine" : "message");
    node.dataset.id = message.id;
    const bubble = element("div", "bubble");
    if (message.photo) {
      const source = `/chat/${this.known.bot}/${this.known.person}/photos/${message.photo}`;
      if (picture?.getAttribute("src") !== source) {
        picture = element("img");
        picture.src = source;
        picture.alt = "Картинка к сообщению";
        picture.onload = () => this.toEnd();
      }
      bubble.append(picture);
    }
    const body = element("div", "body");
    body.append(...formatted(this, message.text, message.entities));
    const at = new Date(message.at * 1000).toLocaleTimeString("ru", { hour: "2-digit", minute: "2-digit" });
    body.append(element("time", "time", message.edited ? `изменено ${at}` : at));
    bubble.append(body);
    node.append(bubble);
    if (message.buttons.length) {
      const rows = element("div", "rows");
      rows.append(...buttonRows(message.buttons, (one) => {
        const button = pressable(one.text, "", () => {
          if (button.ariaDisabled === "true") return;
          button.ariaDisabled = "true"; // not `disabled`, which would lose the keyboard's place
          this.post("press", { message: message.id, data: one.data });
        });
        if (message.waiting) button.ariaDisabled = "true";
        return button;
      }));
      node.append(rows);
    }
    return node;
  }

  drawKeyboard() {
    const { messages, keyboard } = this.state;
    const starting = this.code !== null || !messages.length;
    const now = JSON.stringify([starting, this.code, keyboard]);
    if (this.keyboard === now) return;
    this.keyboard = now;
    const focused = this.get(".keyboard").contains(document.activeElement);
    const start = () => {
      this.write(`/start ${this.code ?? ""}`.trim());
      this.code = null;
    };
    this.get(".keyboard").replaceChildren(...buttonRows(starting ? [["Запустить"]] : keyboard, (label) =>
      pressable(label, starting ? "start" : "", starting ? start : () => this.write(label))));
    if (focused) (this.get(".keyboard button") ?? this.get("input")).focus();
  }

  drawMenu() {
    const { commands } = this.state;
    this.get(".commands").hidden = !commands.length;
    this.get(".menu").replaceChildren(...commands.map((one) => {
      const item = element("li");
      const button = pressable(`/${one.command}`, "", () => {
        this.openMenu(false);
        this.get("input").focus();
        this.write(`/${one.command}`);
      });
      button.append(element("span", "", one.description));
      item.append(button);
      return item;
    }));
  }

  // What to do next, for someone who sees this for the first time, and which button that is.
  advise() {
    const key = this.get(".keyboard button");
    const { messages } = this.state;
    if (this.code !== null) return ["Ссылка открыта. Нажмите «Запустить».", key];
    if (!messages.length) return [`${this.known.name}, ${this.known.role}. Нажмите «Запустить».`, key];
    const asked = messages.findLast((one) => !one.mine && one.buttons.length);
    const first = asked && this.get(`[data-id="${asked.id}"] .rows button`);
    const labels = asked?.buttons.flat().map((one) => one.text) ?? [];
    if (labels[0] === "Иду") return ["Пришёл посетитель! Нажмите «Иду».", first];
    const done = labels.some((one) => one.startsWith("✓")) || messages.some((one) => one.mine && one.id > asked?.id);
    if (labels.includes("Не клиент") && !done) return ["Отметьте, куда шёл посетитель: на этом Амико учится.", first];
    const label = this.state.keyboard[0]?.[0];
    if (label === "Следующий!") return ["Освободились? Нажмите «Следующий!».", key];
    if (label === "Начнём!") return ["Готовы встречать посетителей? Нажмите «Начнём!».", key];
    if (label) return ["Ждём посетителя: сообщение появится здесь само.", null];
    return [this.known.hint, null];
  }

  drawHint() {
    const [text, button] = this.advise();
    if (this.get(".hint").textContent !== text) this.get(".hint").textContent = text;
    for (const old of this.node.querySelectorAll(".next")) old.classList.remove("next");
    button?.classList.add("next");
  }
}

const phones = JSON.parse(byId("known").textContent).map((known) => new Phone(known));
let shown = null; // the one that is looked at where only one fits

function show(phone) {
  shown = phone;
  history.replaceState(null, "", `#${phone.id}`);
  for (const one of phones) {
    one.node.classList.toggle("shown", one === phone);
    one.tab.setAttribute("aria-pressed", String(one === phone));
  }
  look();
  phone.toEnd();
  phone.node.scrollIntoView({ block: "nearest", inline: "nearest" });
}

// Whatever is visible is read.
function look() {
  if (document.hidden) return;
  document.title = "Амико — чат";
  for (const one of phones) {
    if (one.node.offsetParent !== null) one.unread = 0;
    one.drawTab();
  }
}

byId("chats").append(...phones.map((one) => one.node));
byId("tabs").append(...phones.map((one) => one.tab));
byId("tabs").hidden = phones.length < 2;
show(phones.find((one) => location.hash === `#${one.id}`) ?? phones[0]);
document.addEventListener("visibilitychange", look);
window.addEventListener("resize", look);
window.addEventListener("hashchange", () => {
  const wanted = phones.find((one) => location.hash === `#${one.id}`);
  if (wanted && wanted !== shown) show(wanted);
});

const source = new EventSource("/events");
source.onmessage = (event) => {
  const { online, chats } = JSON.parse(event.data);
  for (const state of chats) phones.find((one) => one.id === `${state.bot}-${state.person}`).draw(state);
  for (const one of phones) one.showLine(online[one.known.bot]);
};
source.onerror = () => { for (const one of phones) one.showLine(false); };

// A deep link to the sandbox itself: /?start=CODE#bot-person
const code = new URLSearchParams(location.search).get("start");
if (code) phones.find((one) => one === shown).code = code;
