#include "cmd/completion.h"

#include <algorithm>
#include <cctype>
#include <vector>

namespace meshgraft {
namespace {

// "-n,--namespace" as its single spellings.
std::vector<std::string> spellings(const FlagInfo& flag) {
  std::vector<std::string> result;
  std::string_view rest = flag.names;
  while (!rest.empty()) {
    const std::string_view one = rest.substr(0, rest.find(','));
    if (one.starts_with('-')) result.emplace_back(one);
    rest.remove_prefix(std::min(one.size() + 1, rest.size()));
  }
  return result;
}

std::string joined(const std::vector<std::string>& words, std::string_view separator) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : std::string(separator)) + word;
  return text;
}

// The words that a flag's description lists, as in "Form: text, json or yaml (default text)"; none when it lists none.
std::vector<std::string> listed_words(std::string_view description) {
  description = description.substr(0, description.find(" ("));
  const std::size_t colon = description.rfind(": ");
  if (colon == std::string_view::npos) return {};
  std::string list(description.substr(colon + 2));
  for (const std::string_view separator : {" or ", ", "}) {
    for (std::size_t at = list.find(separator); at != std::string::npos; at = list.find(separator)) list.replace(at, separator.size(), "\n");
  }
  std::vector<std::string> words;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find('\n', begin), list.size());
    words.push_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  const bool are_words = std::all_of(words.begin(), words.end(), [](const std::string& word) {
    return !word.empty() && std::all_of(word.begin(), word.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.'; });
  });
  return are_words && words.size() > 1 ? words : std::vector<std::string>{};
}

// What may follow a flag.
struct Values {
  bool any = false;    // it takes a value
  bool files = false;
  std::vector<std::string> words;
  std::string command;   // a line of shell that prints them, "" for none
};

Values values_of(const FlagInfo& flag) {
  Values values;
  values.any = !flag.value.empty();
  values.files = flag.value == "FILE" || flag.value == "DIR";
  if (values.any && !values.files) values.words = listed_words(flag.description);
  if (flag.names.find("--namespace") != std::string::npos && flag.names.starts_with("-n")) {
    values.command = "kubectl get namespaces -o name 2>/dev/null | cut -d/ -f2";
  } else if (flag.names == "--context") {
    values.command = "kubectl config get-contexts -o name 2>/dev/null";
  }
  return values;
}

// What a command takes besides flags.
std::string arguments_of(const CommandInfo& command) {
  if (command.name == "completion") return "bash zsh fish";
  if (command.name == "reference") return "rbac keys metrics findings findings.zh-CN flags docs";
  return "";
}

std::string words_of(const CommandInfo& command) {
  std::vector<std::string> words;
  for (const FlagInfo& flag : command.flags) {
    for (const std::string& one : spellings(flag)) words.push_back(one);
  }
  const std::string arguments = arguments_of(command);
  if (!arguments.empty()) words.push_back(arguments);
  return joined(words, " ");
}

std::string command_names(const std::vector<CommandInfo>& commands) {
  std::vector<std::string> names;
  for (const CommandInfo& command : commands) names.push_back(command.name);
  return joined(names, " ");
}

// A branch of a `case` over the command and the word before: `act` says how the shell at hand offers what.
template <typename Act>
std::string value_branches(const std::vector<CommandInfo>& commands, std::string_view indent, const Act& act) {
  std::string text;
  for (const CommandInfo& command : commands) {
    for (const FlagInfo& flag : command.flags) {
      const Values values = values_of(flag);
      std::vector<std::string> patterns;
      for (const std::string& one : spellings(flag)) patterns.push_back(command.name + ' ' + one);
      if (!values.any || patterns.empty()) continue;
      for (std::string& pattern : patterns) pattern = '"' + pattern + '"';
      text += std::string(indent) + joined(patterns, "|") + ") " + act(values) + " ;;\n";
    }
  }
  return text;
}

std::string bash(const std::vector<CommandInfo>& commands) {
  std::string text =
      "# bash completion: source <(meshgraft completion bash)\n"
      "_meshgraft() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  [ \"$word\" = = ] && word=\n"                                             // --flag=| and --flag=va|, which
      "  [ \"$before\" = = ] && before=\"${COMP_WORDS[COMP_CWORD-2]}\"\n"          // bash breaks at =
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n"
      "    COMPREPLY=($(compgen -W \"" + command_names(commands) + " --help\" -- \"$word\")); return\n"
      "  fi\n"
      "  case \"${COMP_WORDS[1]} $before\" in\n";
  text += value_branches(commands, "    ", [](const Values& values) -> std::string {
    if (values.files) return "compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- \"$word\")); return";
    if (!values.command.empty()) return "COMPREPLY=($(compgen -W \"$(" + values.command + ")\" -- \"$word\")); return";
    if (!values.words.empty()) return "COMPREPLY=($(compgen -W \"" + joined(values.words, " ") + "\" -- \"$word\")); return";
    return "return";
  });
  text += "  esac\n  case \"${COMP_WORDS[1]}\" in\n";
  for (const CommandInfo& command : commands) {
    text += "    " + command.name + ") COMPREPLY=($(compgen -W \"" + words_of(command) + "\" -- \"$word\")) ;;\n";
  }
  return text + "  esac\n}\ncomplete -F _meshgraft meshgraft kubectl-meshgraft\n";
}

std::string zsh_quoted(std::string_view text) {
  std::string result;
  for (const char letter : text) {
    if (letter == '\'') {
      result += "'\\''";
    } else {
      if (letter == ':' || letter == '[' || letter == ']') result += '\\';
      result += letter;
    }
  }
  return result;
}

std::string zsh(const std::vector<CommandInfo>& commands) {
  std::string text =
      "#compdef meshgraft kubectl-meshgraft\n"
      "# zsh completion: source <(meshgraft completion zsh)\n"
      "_meshgraft() {\n"
      "  local -a commands\n"
      "  commands=(\n";
  for (const CommandInfo& command : commands) text += "    '" + command.name + ":" + zsh_quoted(command.description) + "'\n";
  text +=
      "  )\n"
      "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
      "  case \"$words[2] $words[CURRENT-1]\" in\n";
  text += value_branches(commands, "    ", [](const Values& values) -> std::string {
    if (values.files) return "_files; return";
    if (!values.command.empty()) return "compadd -- $(" + values.command + "); return";
    if (!values.words.empty()) return "compadd -- " + joined(values.words, " ") + "; return";
    return "return";
  });
  text += "  esac\n  case $words[2] in\n";
  for (const CommandInfo& command : commands) text += "    " + command.name + ") compadd -- " + words_of(command) + " ;;\n";
  return text + "  esac\n}\n(( $+functions[compdef] )) && compdef _meshgraft meshgraft kubectl-meshgraft\n";
}

std::string fish_quoted(std::string_view text) {
  std::string result = "'";
  for (const char letter : text) {
    if (letter == '\'' || letter == '\\') result += '\\';
    result += letter;
  }
  return result + "'";
}

std::string fish(const std::vector<CommandInfo>& commands) {
  std::string text = "# fish completion: meshgraft completion fish | source\n";
  for (const char* program : {"meshgraft", "kubectl-meshgraft"}) {
    for (const CommandInfo& command : commands) {
      const std::string seen = std::string("complete -c ") + program + " -n '__fish_seen_subcommand_from " + command.name + "'";
      text += std::string("complete -c ") + program + " -f -n __fish_use_subcommand -a " + command.name + " -d " + fish_quoted(command.description) + '\n';
      text += seen + " -f" + (arguments_of(command).empty() ? "" : " -a '" + arguments_of(command) + "'") + '\n';
      for (const FlagInfo& flag : command.flags) {
        std::string line = seen;
        const std::vector<std::string> names = spellings(flag);
        if (names.empty()) continue;
        for (const std::string& one : names) line += one.starts_with("--") ? " -l " + one.substr(2) : " -s " + one.substr(1);
        const Values values = values_of(flag);
        if (values.files) {
          line += " -r -F";
        } else if (values.any) {
          line += " -x";
          if (!values.words.empty()) line += " -a '" + joined(values.words, " ") + "'";
          if (!values.command.empty()) line += " -a '(" + values.command + ")'";
        }
        text += line + " -d " + fish_quoted(flag.description) + '\n';
      }
    }
  }
  return text;
}

}  // namespace

std::string completion_script(std::string_view shell) {
  const std::vector<CommandInfo> commands = command_table();
  if (shell == "zsh") return zsh(commands);
  if (shell == "fish") return fish(commands);
  return bash(commands);
}

}  // namespace meshgraft
