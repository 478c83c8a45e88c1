// Objects of C libraries in unique_ptr.
#pragma once

namespace support::apiserver {

template <auto Free>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Free(object);
  }
};

}  // namespace support::apiserver
