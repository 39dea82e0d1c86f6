// Overload: several lambdas as one visitor for std::visit.
//
//   std::visit(Overload{[&](const Send& send) { ... }, [&](const Close&) { ... }}, action);
#pragma once

namespace bridle {

template <typename... F>
struct Overload : F... {
  using F::operator()...;
};
template <typename... F>
Overload(F...) -> Overload<F...>;

}  // namespace bridle
