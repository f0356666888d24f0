/** `completion`: prints a script that completes verbs, options and choices in a shell. */
import yargs from "yargs";
import { EXIT, HoldfastError } from "../../errors.ts";
import { defineCommand } from "../core/command.ts";

const SHELLS = ["bash", "zsh", "fish"] as const;

export const completion = defineCommand({
  forms: ["[bash | zsh | fish]"],
  description:
    "Prints a script that completes the verbs, options and choices of holdfast in a shell (default: that of $SHELL).",
  positionals: { shell: { choices: SHELLS, describe: "the shell" } },
  options: {},
  run(flags) {
    const shell = flags.shell ?? SHELLS.find((one) => (process.env["SHELL"] ?? "").endsWith(one));
    if (shell === undefined)
      throw new HoldfastError("E_USAGE", "completion: the shell is unknown", {
        hint: `use one of ${SHELLS.join(", ")}`,
      });
    if (shell === "fish") process.stdout.write(FISH);
    else {
      // yargs chooses its script by this variable.
      process.env["SHELL"] = shell;
      yargs().scriptName("holdfast").completion("completion").showCompletionScript();
    }
    return Promise.resolve(EXIT.ok);
  },
});

/** The script for fish: like those of yargs for the other shells, it completes paths where yargs has no answer. */
const FISH = `# Save it as ~/.config/fish/completions/holdfast.fish
function __holdfast_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l found (env SHELL=fish holdfast --get-yargs-completions $words)
    if test (count $found) -gt 0
        printf '%s\\n' $found
    else
        __fish_complete_path (commandline -ct)
    end
end
complete -c holdfast -f -a '(__holdfast_complete)'
`;
