#include "model/selector.h"

#include <algorithm>

#include "model/formats.h"
#include "model/violation.h"

namespace bridle::model {

// Recursive descent without recursion: term { "," term }.
class SelectorParser {
 public:
  explicit SelectorParser(std::string_view text) : text_(text) {}

  Result<Selector> parse() {
    Selector selector;
    blanks();
    if (at_ == text_.size()) return selector;
    do {
      if (selector.terms_.size() == Selector::max_terms)
        return Error(Code::invalid, "selector: expected at most 64 terms");
      BRIDLE_TRY(Selector::Term term, this->term());
      selector.terms_.push_back(std::move(term));
    } while (take(","));
    if (at_ != text_.size()) return expected("\",\" or the end");
    return selector;
  }

 private:
  Result<Selector::Term> term() {
    Selector::Term term;
    term.negated = take("!");
    BRIDLE_TRY(term.key, word(formats::label_key));
    if (term.negated) return term;
    if (take("!=")) {
      term.negated = true;
      return one_value(std::move(term));
    }
    if (take("==") || take("=")) return one_value(std::move(term));
    if (take_word("in")) return value_list(std::move(term));
    term.negated = take_word("notin");
    if (term.negated) return value_list(std::move(term));
    return term;
  }

  Result<Selector::Term> one_value(Selector::Term term) {
    BRIDLE_TRY(std::string value, word(formats::label_value));
    term.values.push_back(std::move(value));
    return term;
  }

  Result<Selector::Term> value_list(Selector::Term term) {
    if (!take("(")) return expected("\"(\"");
    do {
      BRIDLE_TRY(std::string value, word(formats::label_value));
      term.values.push_back(std::move(value));
    } while (take(","));
    if (!take(")")) return expected("\",\" or \")\"");
    return term;
  }

  Result<std::string> word(const Format& format) {
    blanks();
    const size_t end = std::min(text_.find_first_of(" \t,=!()", at_), text_.size());
    const std::string_view found = text_.substr(at_, end - at_);
    if (!format.matches(found)) return expected(format.expected);
    at_ = end;
    blanks();
    return std::string(found);
  }

  bool take(std::string_view mark) {
    blanks();
    if (!text_.substr(at_).starts_with(mark)) return false;
    at_ += mark.size();
    blanks();
    return true;
  }

  bool take_word(std::string_view word) {
    const std::string_view rest = text_.substr(at_);
    if (!rest.starts_with(word)) return false;
    const std::string_view after = rest.substr(word.size());
    if (!after.empty() && after[0] != ' ' && after[0] != '(') return false;
    return take(word);
  }

  void blanks() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t')) ++at_;
  }

  Error expected(std::string_view what) const {
    return Error(Code::invalid, "selector, column " + std::to_string(at_ + 1) + ": expected " +
                                    std::string(what) + ", found " +
                                    (at_ == text_.size() ? "the end" : quoted(text_.substr(at_))));
  }

  std::string_view text_;
  size_t at_ = 0;
};

Result<Selector> Selector::parse(std::string_view text) {
  if (text.size() > max_bytes) return Error(Code::invalid, "selector: expected at most 4096 bytes");
  return SelectorParser(text).parse();
}

bool Selector::matches(const Labels& labels) const {
  return std::all_of(terms_.begin(), terms_.end(), [&](const Term& term) {
    const auto found = labels.find(term.key);
    bool holds = found != labels.end();
    if (holds && !term.values.empty())
      holds = std::find(term.values.begin(), term.values.end(), found->second) != term.values.end();
    return holds != term.negated;
  });
}

}  // namespace bridle::model
