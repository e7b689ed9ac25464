// Starts Swagger UI on the archive's OpenAPI document, and asks for a key where the server wants one
(async (script) => {
  const address = new URL("../openapi.json", script);
  const read = (key) => fetch(address, key ? { headers: { authorization: `Bearer ${key}` } } : {});
  let key = null;
  let answer = await read(key);
  while (answer.status === 401 && (key = prompt("This server asks for an API key:"))) answer = await read(key);
  const ui = SwaggerUIBundle({
    spec: await answer.json(),
    dom_id: "#swagger-ui",
    docExpansion: "none",
    tryItOutEnabled: true,
    validatorUrl: null,
    onComplete: () => key && ui.preauthorizeApiKey("key", key),
  });
})(document.currentScript.src);
