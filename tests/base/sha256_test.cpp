#include "src/base/sha256.hpp"

#include <catch2/catch.hpp>

#include <random>
#include <string>
#include <vector>

#include "src/base/sha256_blocks.hpp"

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

TEST_CASE("instructions of the processor give what portable code gives", "[property]") {
    if (!attohm::has_sha256_instructions()) WARN("this processor has none: portable twice");
    std::mt19937 draw(3);
    for (int round = 0; round < 200; ++round) {
        attohm::Sha256State start{};
        for (std::uint32_t& word : start) word = static_cast<std::uint32_t>(draw());
        // From any address, any number of blocks.
        const std::size_t count = draw() % 5, offset = draw() % 17;
        std::vector<std::uint8_t> bytes(offset + 64 * count);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(draw());
        attohm::Sha256State fast = start, portable = start;
        attohm::sha256_blocks(fast, bytes.data() + offset, count);
        attohm::sha256_blocks_portable(portable, bytes.data() + offset, count);
        CAPTURE(round, count, offset);
        CHECK(fast == portable);
        if (count > 0) CHECK(fast != start);
    }
}

TEST_CASE("portable code gives the published digest of one block", "[unit]") {
    // Source: NIST FIPS 180-2, appendix B.1: "abc", padded, and the initial hash value of 5.3.2.
    std::vector<std::uint8_t> block(64, 0);
    block[0] = 'a';
    block[1] = 'b';
    block[2] = 'c';
    block[3] = 0x80;
    block[63] = 24;
    attohm::Sha256State state = {0x6a09e667U, 0xbb67ae85U, 0x3c6ef372U, 0xa54ff53aU,
                                 0x510e527fU, 0x9b05688cU, 0x1f83d9abU, 0x5be0cd19U};
    attohm::sha256_blocks_portable(state, block.data(), 1);
    CHECK(state == attohm::Sha256State{0xba7816bfU, 0x8f01cfeaU, 0x414140deU, 0x5dae2223U,
                                       0xb00361a3U, 0x96177a9cU, 0xb410ff61U, 0xf20015adU});
}
