// Runs LLVMFuzzerTestOneInput over every file of the folder given, without libFuzzer: the corpus as
// a normal test. A failed check aborts, and the last line names the file to run again.
#include <cstdint>
#include <cstdio>
#include <string>

#include "base/file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

namespace {

int run_file(const std::string& path) {
  const auto bytes = bridle::read_file(path);
  if (!bytes) {
    std::fprintf(stderr, "%s\n", bytes.error().message().c_str());
    return 1;
  }
  LLVMFuzzerTestOneInput(reinterpret_cast<const uint8_t*>(bytes->data()), bytes->size());
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FOLDER\n", argv[0]);
    return 2;
  }
  const std::string folder = argv[1];
  const auto names = bridle::list_folder(folder);
  if (!names || names->empty()) {
    std::fprintf(stderr, "%s: expected a folder with inputs\n", folder.c_str());
    return 1;
  }
  for (const std::string& name : *names) {
    std::printf("%s\n", name.c_str());
    std::fflush(stdout);
    if (run_file(folder + "/" + name) != 0) return 1;
  }
  std::printf("%zu inputs, none failed\n", names->size());
  return 0;
}
