// Prints the validator's report on a model, as JSON: node validate.js MODEL.glb
const fs = require("fs");
const validator = require("gltf-validator");

validator
  .validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])), { maxIssues: 0 })
  .then((report) => console.log(JSON.stringify(report)));
