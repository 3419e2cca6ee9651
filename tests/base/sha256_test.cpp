#include "src/base/sha256.hpp"

#include <catch2/catch.hpp>

#include <string>

TEST_CASE("SHA-256 of the published vectors", "[unit]") {
    // Source: NIST, "Descriptions of SHA-256", examples of FIPS 180-2 appendix B.
    CHECK(attohm::sha256_hex("") ==
          "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    CHECK(attohm::sha256_hex("abc") ==
          "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    CHECK(attohm::sha256_hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq") ==
          "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    CHECK(attohm::sha256_hex(std::string(1000000, 'a')) ==
          "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST_CASE("the hash does not depend on how the bytes come", "[unit]") {
    std::string text;
    for (int i = 0; i < 300; ++i) text += static_cast<char>(i * 7);
    for (std::size_t size = 0; size <= 200; ++size) {
        const std::string whole = attohm::sha256_hex(text.substr(0, size));
        attohm::Sha256 parts;
        for (std::size_t at = 0; at < size; at += 13)
            parts.add(std::string_view(text).substr(at, std::min<std::size_t>(13, size - at)));
        CAPTURE(size);
        CHECK(parts.hex() == whole);
    }
}
