// What the file of saved objects begins with, for those who write and read it.
//
//   a0b1c2d3 {"format":"pona
//   objects","version":1,"source":"https://…","objects":2,"time":1700000000} …
//   {"apiVersion":"v1","kind":"Service",…}           as many as the head says …
//   {"apiVersion":"v1","kind":"Service",…}           after them: an object as it is now …
//   {"deleted":"Service","namespace":"shop","name":"web"} … {"time":1700000060} of what stands
//   before it
#pragma once

#include <cstdint>
#include <string_view>

namespace kube {

inline constexpr std::string_view saved_format = "pona objects";
// Another one only where older programs would misunderstand what they read: they set such a file
// aside. A record that they do not know costs itself alone.
inline constexpr std::int64_t saved_version = 1;

}  // namespace kube
