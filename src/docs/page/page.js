// Shows the document by Swagger UI, and fills its token by e-mail and password. The token is kept in memory alone.
"use strict";

const scheme = "access_token";
const ui = SwaggerUIBundle({
  url: "/api/openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
  filter: true,
  layout: "BaseLayout",
  presets: [SwaggerUIBundle.presets.apis],
  validatorUrl: null,
});

const login = document.getElementById("login");
const logout = document.getElementById("logout");
const who = document.getElementById("who");

function say(text, { fault = false, signedIn = false } = {}) {
  who.textContent = text;
  who.classList.toggle("fault", fault);
  login.hidden = signedIn;
  logout.hidden = !signedIn;
}

async function session(fields) {
  const response = await fetch("/api/auth/login/", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(fields),
  });
  const body = await response.json();
  if (!response.ok) throw new Error(body.error ?? body.detail ?? `The server answered ${response.status}.`);
  return body;
}

login.addEventListener("submit", async (event) => {
  event.preventDefault();
  try {
    const { user, access_token } = await session(Object.fromEntries(new FormData(login)));
    ui.preauthorizeApiKey(scheme, access_token);
    login.reset();
    say(`Signed in as ${user.name} (${user.email}).`, { signedIn: true });
    logout.focus();
  } catch (error) {
    say(error.message, { fault: true });
  }
});

logout.addEventListener("click", () => {
  ui.authActions.logout([scheme]);
  say("Signed out.");
  login.elements.email.focus();
});
