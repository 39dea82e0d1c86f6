#include "cli/output.h"

#include "cli/columns.h"
#include "cli/human.h"
#include "model/yaml.h"

namespace bridle::cli {
namespace {

void print_yaml_documents(Context& context, const std::vector<json::value>& objects) {
  for (size_t i = 0; i < objects.size(); ++i)
    context.out() << (i == 0 ? "" : "---\n") << model::to_yaml(objects[i]);
}

void print_table(Context& context, const model::KindInfo& kind,
                 const std::vector<json::value>& objects, bool with_project) {
  if (objects.empty()) {
    const bool named = kind.has_project && !with_project;
    context.err() << "no " << kind.plural
                  << (named ? " in project " + context.globals().project + " (-A: all projects)"
                            : std::string())
                  << "\n";
    return;
  }
  const Table table = object_table(kind.kind, objects, {with_project, context.clock().wall()});
  context.out() << table.render(context.terminal().width, context.style());
}

}  // namespace

void print_objects(Context& context, const model::KindInfo& kind,
                   const std::vector<json::value>& objects, bool with_project, bool one) {
  switch (context.globals().format) {
    case Format::table:
      return print_table(context, kind, objects, with_project);
    case Format::json:
      context.out() << pretty_json(one && objects.size() == 1
                                       ? objects[0]
                                       : json::value(json::array(objects.begin(), objects.end())));
      return;
    case Format::yaml:
      return print_yaml_documents(context, objects);
    case Format::name:
      for (const auto& object : objects) context.out() << show_ref(context, object) << "\n";
  }
}

void print_value(Context& context, const json::value& value) {
  const bool as_json = context.globals().format == Format::json;
  context.out() << (as_json ? pretty_json(value) : model::to_yaml(value));
}

void print_outcome(Context& context, const json::value& object, const std::string& what) {
  switch (context.globals().format) {
    case Format::table:
      context.out() << show_ref(context, object) << " " << what << "\n";
      return;
    case Format::name:
      context.out() << show_ref(context, object) << "\n";
      return;
    case Format::json:
    case Format::yaml:
      print_value(context, object);
  }
}

}  // namespace bridle::cli
