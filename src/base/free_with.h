// The deleter of what a C library hands out:
//
//   using Key = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
#pragma once

namespace bridle {

template <auto free_function>
struct FreeWith {
  template <typename T>
  void operator()(T* thing) const {
    free_function(thing);
  }
};

}  // namespace bridle
