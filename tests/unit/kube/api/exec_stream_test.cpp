#include "kube/api/exec_stream.hpp"

#include <vector>

#include "core/error.hpp"
#include "support/catch.hpp"

namespace unit::exec_stream_test {

using kube::ExecMessage;
using kube::ExecReader;
using namespace std::string_literals;

namespace {

std::vector<ExecMessage> read(const std::string& bytes, std::size_t piece = 1000) {
  ExecReader reader;
  std::vector<ExecMessage> messages;
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    reader.add(std::string_view(bytes).substr(at, piece));
    while (auto message = reader.next()) messages.push_back(*message);
  }
  return messages;
}

std::string frame(unsigned char first, const std::string& bytes) {
  std::string head(1, static_cast<char>(first));
  if (bytes.size() < 126) return head + static_cast<char>(bytes.size()) + bytes;
  head += static_cast<char>(126);
  head += static_cast<char>(bytes.size() >> 8);
  return head + static_cast<char>(bytes.size() & 0xff) + bytes;
}

}  // namespace

TEST_CASE("messages of an exec are read in whatever pieces they come") {
  const std::string session = frame(0x82, "\1hello") + frame(0x02, "\1a") + frame(0x89, "ping") +
                              frame(0x00, "b") + frame(0x80, "c") +
                              frame(0x82, std::string(300, 'x')) + frame(0x88, "\x03\xe8");
  const std::vector<ExecMessage> expected = {{ExecMessage::Kind::data, "\1hello"},
                                             {ExecMessage::Kind::ping, "ping"},
                                             {ExecMessage::Kind::data, "\1abc"},
                                             {ExecMessage::Kind::data, std::string(300, 'x')},
                                             {ExecMessage::Kind::close, "\x03\xe8"}};
  for (const std::size_t piece : {1U, 2U, 3U, 7U, 1000U}) CHECK(read(session, piece) == expected);
}

TEST_CASE("what is no WebSocket, or has no end, is refused") {
  for (const std::string& bytes :
       {frame(0xc2, "x"),                     // a bit of an extension
        frame(0x83, "x"), frame(0x8b, "x"),   // opcodes that mean nothing
        frame(0x80, "x"),                     // the rest of nothing
        frame(0x02, "x") + frame(0x82, "y"),  // a new one within another
        frame(0x09, "x"),                     // a part of a ping
        "\x89\x7e\x00\x80"s,                  // a ping that is too long
        "\x82\x81\1\2\3\4x"s,                 // masked
        "\x82\x7f\xff\xff\xff\xff\xff\xff\xff\xff"s, "\x82\x7f\x00\x00\x00\x00\x7f\xff\xff\xff"s}) {
    CHECK_THROWS_AS(read(bytes), core::Error);
  }
  // No single frame is too long, but all together are.
  ExecReader reader;
  const std::string part = "\x02\x7f\x00\x00\x00\x00\x00\x30\x00\x00"s + std::string(3 << 20, 'x');
  reader.add(part);
  CHECK_FALSE(reader.next());
  std::string more = part;
  more[0] = 0;
  reader.add(more);
  CHECK_THROWS_AS(reader.next(), core::Error);
}

TEST_CASE("frames of the client are masked") {
  CHECK(kube::exec_frame(ExecMessage::Kind::data, "\0\n"s, 0x01020304) ==
        "\x82\x82\1\2\3\4\1\x08"s);
  CHECK(kube::exec_frame(ExecMessage::Kind::pong, "", 0) == "\x8a\x80\0\0\0\0"s);
  // Whoever reads it without knowing of masks refuses it.
  CHECK_THROWS_AS(read(kube::exec_frame(ExecMessage::Kind::ping, "x", 7)), core::Error);
}

TEST_CASE("how a command ended") {
  std::string why;
  CHECK(kube::exec_status(R"({"kind":"Status","metadata":{},"status":"Success"})", why) == 0);
  const std::string three =
      R"({"kind":"Status","status":"Failure","message":"exit code 3","reason":"NonZeroExitCode",)"
      R"("details":{"causes":[{"reason":"ExitCode","message":"3"}]}})";
  CHECK(kube::exec_status(three, why) == 3);
  const std::string failed =
      R"({"kind":"Status","status":"Failure","reason":"InternalError","message":"no container x"})";
  CHECK_FALSE(kube::exec_status(failed, why));
  CHECK(why == "no container x");
  const std::string no_number =
      R"({"kind":"Status","reason":"X","details":{"causes":[{"reason":"ExitCode","message":"3x"}]}})";
  for (const std::string& text : {std::string(), std::string("{"), std::string("[]"), no_number}) {
    why.clear();
    CHECK_FALSE(kube::exec_status(text, why));
    CHECK_FALSE(why.empty());
  }
}

}  // namespace unit::exec_stream_test
