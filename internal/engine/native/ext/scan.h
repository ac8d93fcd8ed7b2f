// Steps of a scan, and what differentiating one needs.
#pragma once
#include "ext/flow.h"

namespace adj {

// Layout says what the inputs of a step are: carried arrays, slices of others,
// and captures, which are the same in every step. Its outputs are the carried
// arrays and what is stacked.
struct Layout {
  size_t carried, sliced;
  int length;
  bool reverse; // the last slice first
  bool remat; // keep only the carried arrays for the reverse pass
};

// A Step is a step made ready to be differentiated in reverse. Residuals are what
// the reverse pass needs of the forward one.
struct Step {
  Arrays in, out, cotangents;
  std::vector<int> wrt;
  std::vector<std::optional<mlx::core::array>> grads; // by wrt
  bool again = false; // what is cheap is computed again
  Arrays residuals;
  std::unordered_map<uintptr_t, size_t> place; // of a residual in residuals
  Body forward; // to out and then residuals
  Arrays captures; // further ones of forward
};

// Frontier is what the reverse pass of a step takes from the forward one.
struct Frontier {
  Arrays invariant; // computed from captures alone
  Arrays sliced; // slices as they were given
  Arrays residual;
};

// Total is what a step adds to the gradient of a capture. The sum over all steps of a
// product leftᵀ·right is one product of all their rows, so that only the rest is summed
// up step by step.
struct Total {
  struct Product {
    mlx::core::array left, right;
  };
  std::vector<Product> products;
  std::optional<mlx::core::array> rest;
};

// index returns the place of a in list, or the size of the list.
size_t index(const Arrays& list, const mlx::core::array& a);
bool contains(const Arrays& list, const mlx::core::array& a);

// view is some elements of a, from one on, which is evaluated.
array view(const array& a, mlx::core::Shape shape, mlx::core::Strides strides, int64_t first);

// ready returns what a scan over a slices: a, or a copy where slices of a have no runs of
// elements that are worth reading where they lie.
array ready(const array& a, const Stream& s);

// frontier takes what grads read, or, of what is cheap, what it is computed from.
Frontier frontier(const Step& s, const Layout& l, const Arrays& grads);

// make_step makes a body ready for gradients of its inputs at wrt.
std::shared_ptr<Step> make_step(const Body& b, const Layout& l, const Arrays& like, const std::vector<int>& wrt);

// total takes grad apart. there is what all steps have been stacked of.
Total total(const mlx::core::array& grad, const Arrays& there);

} // namespace adj
