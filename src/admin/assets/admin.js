// Nothing here is needed: pages work without scripts.
"use strict";

// Asks before a form with `data-confirm` is sent.
document.addEventListener("submit", (event) => {
    const question = event.target.dataset.confirm;
    if (question && !window.confirm(question)) {
        event.preventDefault();
    }
});
