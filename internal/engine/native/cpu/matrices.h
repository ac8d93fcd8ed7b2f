// Where the matrices of arrays lie, and whatever else some axes count.
#pragma once
#include <optional>

#include "mlx/array.h"

namespace adj::cpu {

using mlx::core::array;
using mlx::core::Shape;
using mlx::core::Stream;
using mlx::core::Strides;

// Places are those of all elements of some axes, the last axis first, in elements of an
// array.
class Places {
 public:
  Places() = default;
  Places(Shape shape, Strides strides) : shape_(std::move(shape)), strides_(std::move(strides)) {}
  // A batch has the places of the matrices in the last two axes of an array.
  static Places batch(const array& a) {
    return {Shape(a.shape().begin(), a.shape().end() - 2), Strides(a.strides().begin(), a.strides().end() - 2)};
  }

  int64_t at(size_t i) const {
    int64_t to = 0;
    for (size_t k = shape_.size(); k-- > 0; i /= shape_[k]) {
      to += (int64_t)(i % shape_[k]) * strides_[k];
    }
    return to;
  }
  // even returns the distance of all successive places, if there is one.
  std::optional<int64_t> even() const;

 private:
  Shape shape_;
  Strides strides_;
};

// A Matrix is how the matrices of an array lie for products: by rows, or by columns, which
// begin so many elements apart.
struct Matrix {
  bool transposed;
  int ld;
};

// matrix returns how the matrices in the last two axes of a lie, if products can read them.
std::optional<Matrix> matrix(const array& a);

// dense returns a or, where products cannot read its matrices, a copy, which is kept as
// that of contiguous is.
array dense(const array& a, const Stream& s);

} // namespace adj::cpu
