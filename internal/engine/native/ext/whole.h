// Operations recorded whole.
//
// A trace that leaves the sizes of its arguments open may hold only primitives that
// hold no sizes themselves. Many do: the ends of a slice, the shape of a reshape, a
// scale of 1/n. What makes such ones is recorded as a call, and a replay makes the
// call again on the arrays that it is given.
#pragma once
#include "ext/flow.h"

namespace adj {

// A Maker computes arrays from others.
using Maker = std::function<Arrays(const Arrays&)>;

class Whole : public Own {
 public:
  // Equal keys stand for makers that differ in nothing.
  Whole(Stream s, std::string key, Maker make) : Own(s), key_(std::move(key)), make_(std::move(make)) {}

  const char* name() const override {
    return key_.c_str();
  }
  // make builds on in what the operation consists of.
  Arrays make(const Arrays& in);

  void eval_cpu(const Arrays& inputs, Arrays& outputs) override;
  void eval_gpu(const Arrays& inputs, Arrays& outputs) override {
    eval_cpu(inputs, outputs);
  }
  Arrays vjp(
      const Arrays& primals, const Arrays& cotangents, const std::vector<int>& argnums,
      const Arrays& outputs) override;
  Arrays jvp(
      const Arrays& primals, const Arrays& tangents, const std::vector<int>& argnums) override;
  std::pair<Arrays, std::vector<int>> vmap(
      const Arrays& inputs, const std::vector<int>& axes) override;
  bool is_equivalent(const mlx::core::Primitive& other) const override {
    auto* o = dynamic_cast<const Whole*>(&other);
    return o && o->key_ == key_;
  }

 private:
  std::string key_;
  Maker make_;
};

// Sizeless says, while it lives, whether this thread traces without sizes.
class Sizeless {
 public:
  explicit Sizeless(bool on);
  ~Sizeless();
  Sizeless(const Sizeless&) = delete;
  static bool on();

 private:
  bool outer_;
};

// whole returns what make makes of in, recorded whole where this thread traces
// without sizes and what was made holds any.
Arrays whole(const std::string& key, const Stream& s, const Maker& make, const Arrays& in);

// open says whether a's primitive computes the same on arrays of other sizes: it holds
// none, and its result's shape follows.
bool open(const array& a);

// numbered are numbers as a part of a key.
std::string numbered(const std::vector<int>& numbers);

// call_whole calls op id of the table with the words w, as adj_calls does, in a trace
// without sizes.
int call_whole(uint32_t id, uint64_t* w);

} // namespace adj
