// Scans whose rows are independent.
//
// The body of a recurrent network computes each row of a batch from that row and the
// weights alone. A thread then does all steps for some of the rows and waits for no
// other, and what one operation leaves in the cache is there for the next.
#pragma once
#include "ext/scan.h"

namespace adj {

class Rows {
 public:
  // of returns nothing unless each row of a step's outputs depends on that row of the
  // carried arrays and slices, and all is computed by kernels that many threads may run.
  // step is a prepared graph.
  static std::shared_ptr<const Rows> of(std::shared_ptr<const Graph> step, const Layout& l);

  // run computes all steps, if that is worth it. Tasks must run at once.
  bool run(const Stream& s, const Arrays& inputs, Arrays& outputs) const;

 private:
  class Piece;
  enum Use : uint8_t { UNUSED, ROWS, WHOLE };
  // A Target is the output that a node writes its result to: to the row of this step, or
  // of the next, whose carried array it is.
  struct Target {
    int output = -1;
    bool next = false;
  };
  struct Node {
    std::shared_ptr<mlx::core::Primitive> primitive;
    const Graph::Node* as;
    bool places; // it can write to a place given
  };

  Rows(std::shared_ptr<const Graph> step, const Layout& l) : step_(std::move(step)), l_(l) {}
  bool analyse();
  bool add(const Graph::Node& n);
  bool reads(uint32_t slot, const mlx::core::Shape& result);
  bool whole(uint32_t slot);
  bool multiplies(uint32_t slot);
  void place();
  int pieces(const Arrays& in) const;

  std::shared_ptr<const Graph> step_;
  Layout l_;
  int rows_ = 0;
  double work_ = 0; // operations of a step, about
  std::vector<Node> nodes_;
  std::vector<uint32_t> uses_; // by slot: how often it is read
  std::vector<mlx::core::Shape> shapes_; // by slot
  std::vector<mlx::core::Dtype> dtypes_;
  std::vector<Use> use_;
  std::vector<bool> multiplied_; // products must be able to read it as it lies
  std::vector<uint32_t> from_; // what it is a part of, or itself
  std::vector<bool> places_; // what made it can write to a place given
  std::vector<Target> targets_;
  std::vector<int> last_; // the carried array that it is, or -1
};

} // namespace adj
