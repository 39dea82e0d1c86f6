#include "cli/completion.h"

#include <set>

#include "model/object.h"

namespace bridle::cli {
namespace {

constexpr std::string_view body = R"SH(
_bridle_names() {
  "${COMP_WORDS[0]}" get "$1" -o name --no-progress 2>/dev/null | sed 's|.*/||'
}

_bridle() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} at="" first="" count=0 i word
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case $word in -*) continue ;; esac
    if [[ $count -eq 0 && " ${_bridle_subs[${at:-.}]-} " == *" $word "* ]]; then
      at="${at:+$at/}$word"
    else
      [[ $count -eq 0 ]] && first=$word
      count=$((count + 1))
    fi
  done
  local choices=${_bridle_choices[${at:-.}/$prev]-}
  if [[ -n $choices ]]; then
    COMPREPLY=($(compgen -W "$choices" -- "$cur"))
  elif [[ $prev == -f || $prev == --filename || $prev == --file || $prev == --key ]]; then
    COMPREPLY=($(compgen -f -- "$cur"))
  elif [[ $prev == --image || $prev == -i ]]; then
    COMPREPLY=($(compgen -W "$(_bridle_names image)" -- "$cur"))
  elif [[ $cur == -* ]]; then
    COMPREPLY=($(compgen -W "${_bridle_flags[${at:-.}]-}" -- "$cur"))
  elif [[ -n ${_bridle_subs[${at:-.}]-} ]]; then
    COMPREPLY=($(compgen -W "${_bridle_subs[${at:-.}]}" -- "$cur"))
  else
    case ${_bridle_operands[$at]-} in
      kind*) if [[ $count -eq 0 ]]; then COMPREPLY=($(compgen -W "$_bridle_kinds" -- "$cur"))
             else COMPREPLY=($(compgen -W "$(_bridle_names "$first")" -- "$cur")); fi ;;
      file) COMPREPLY=($(compgen -f -- "$cur")) ;;
      shell) COMPREPLY=($(compgen -W "bash zsh" -- "$cur")) ;;
      ?*) COMPREPLY=($(compgen -W "$(_bridle_names "${_bridle_operands[$at]}")" -- "$cur")) ;;
    esac
  fi
}
complete -F _bridle bridle
)SH";

std::string_view word_of(Complete complete) {
  switch (complete) {
    case Complete::file:
      return "file";
    case Complete::kind:
      return "kind";
    case Complete::machine:
      return "machine";
    case Complete::image:
      return "image";
    case Complete::volume:
      return "volume";
    case Complete::operation:
      return "operation";
    case Complete::shell:
      return "shell";
    case Complete::object:
    case Complete::bench:
    case Complete::nothing:
      return "";
  }
  return "";
}

// Keys are words joined by "/", without quotes: zsh would take these for a part of the key.
std::string entry(std::string_view array, const std::string& key, const std::string& value) {
  return std::string(array) + "[" + key + "]=\"" + value + "\"\n";
}

std::string flag_words(const std::vector<Flag>& flags) {
  std::string out;
  for (const auto& flag : flags) out += "--" + flag.key() + " ";
  return out;
}

std::string flag_choices(const std::string& path, const std::vector<Flag>& flags) {
  std::string out;
  for (const auto& flag : flags) {
    if (flag.choices.empty()) continue;
    std::string words;
    for (const auto& choice : flag.choices) words += choice + " ";
    std::string_view names = flag.names;
    while (!names.empty()) {
      const size_t end = std::min(names.find(','), names.size());
      out += entry("_bridle_choices", path + "/" + std::string(names.substr(0, end)), words);
      names.remove_prefix(std::min(end + 1, names.size()));
    }
  }
  return out;
}

}  // namespace

std::string completion_script(const CommandTable& table, const std::string& shell) {
  std::string out = "# bridle completion for " + shell +
                    "; load it with:\n#   source <(bridle completion " + shell + ")\n";
  if (shell == "zsh")
    out += "autoload -U +X compinit && compinit\nautoload -U +X bashcompinit && bashcompinit\n";
  out += "declare -A _bridle_subs _bridle_flags _bridle_operands _bridle_choices\n";
  std::string kinds;
  for (const auto& kind : model::all_kinds()) kinds += std::string(kind.plural) + " ";
  out += "_bridle_kinds=\"" + kinds + "\"\n";
  std::map<std::string, std::set<std::string>> subs;
  for (const auto& command : table.commands) {
    std::string above = ".";
    for (const auto& word : command.path) {
      subs[above].insert(word);
      above = above == "." ? word : above + "/" + word;
    }
    out += entry("_bridle_flags", above,
                 flag_words(command.flags) + flag_words(global_flags()) + "--help");
    out += flag_choices(above, command.flags) + flag_choices(above, global_flags());
    if (!command.operands.empty() && !word_of(command.operands[0].complete).empty())
      out += entry("_bridle_operands", above, std::string(word_of(command.operands[0].complete)));
  }
  for (const auto& [path, words] : subs) {
    std::string joined;
    for (const auto& word : words) joined += word + " ";
    out += entry("_bridle_subs", path, joined);
  }
  return out + std::string(body);
}

}  // namespace bridle::cli
