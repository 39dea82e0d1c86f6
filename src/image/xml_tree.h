// XmlTree: a small XML document as a tree, read by expat with everything switched off that an
// attacker uses: a document type (and with it entities, internal or external) is refused, nothing
// is ever fetched, and bytes, depth, elements and attributes are bounded.
//
// Names are kept without their namespace's prefix. Comments and processing instructions are
// dropped. Thread class: pure functions over values. Errors: Code::refused for what breaks a bound,
// Code::corrupt for what is not XML; both name the line.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace bridle::image {

struct XmlElement {
  std::string name;
  std::vector<std::pair<std::string, std::string>> attributes;
  std::string text;  // all of its own, trimmed
  std::vector<XmlElement> children;
  unsigned line = 0;

  const XmlElement* child(std::string_view wanted) const;  // the first; null: none
  std::string_view attribute(std::string_view wanted) const;
  std::string_view child_text(std::string_view wanted) const;
};

struct XmlBounds {
  size_t bytes = 2 << 20;
  size_t depth = 32;
  size_t elements = 20000;
  size_t attributes = 32;  // of one element
};

Result<XmlElement> parse_xml(std::string_view text, const XmlBounds& bounds = {});

// For writers: & < > " and control characters.
std::string xml_escape(std::string_view text);

}  // namespace bridle::image
