// The lines of a file of saved objects: a checksum, a blank, and JSON on one line. Text only; what
// the JSON means is saved_objects.hpp's.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace kube {

// Makes a line of what was appended to `out` from `begin` on, where place was left.
class RecordLine {
 public:
  explicit RecordLine(std::string& out);
  // Nothing may be appended to a line that is ended.
  void end();

 private:
  std::string& out_;
  std::size_t begin_;
};

// The JSON of a line; nothing where it is not what was written.
std::optional<std::string_view> read_record(std::string_view line);

}  // namespace kube
