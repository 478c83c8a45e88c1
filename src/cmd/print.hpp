// What the commands print, on standard output and standard error. Names, reasons and texts in it
// come from objects, files and servers, so nothing of a line but its end is for the terminal to
// obey. tests/lint/terminal finds what is printed by another way.
#pragma once

#include <ostream>
#include <string_view>

namespace cmd {

// The text as one line (core::printable), and its end.
void print_line(std::ostream& out, std::string_view text);

// The same of a text that begins with `word`, which has the colour `sgr` (ECMA-48: "1;31"); "":
// none.
void print_marked(std::ostream& out, std::string_view text, std::string_view word,
                  std::string_view sgr);

// Whether standard output is a terminal that is to have colours: NO_COLOR (https://no-color.org) is
// not set, and TERM is, to another one than "dumb".
bool colour_wanted();

// Several lines: of each what print_line gives. A last line without an end stays without.
void print_lines(std::ostream& out, std::string_view text);

}  // namespace cmd
