#include "src/base/sha256.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "src/base/sha256_blocks.hpp"

namespace attohm {

namespace {

constexpr std::size_t kBlock = 64;

}  // namespace

void Sha256::add(std::span<const std::byte> bytes) {
    const auto* data = reinterpret_cast<const std::uint8_t*>(bytes.data());
    std::size_t left = bytes.size();
    const std::size_t held = size_ % kBlock;
    size_ += left;
    if (held > 0) {
        const std::size_t taken = std::min(left, kBlock - held);
        std::memcpy(rest_.data() + held, data, taken);
        data += taken;
        left -= taken;
        if (held + taken < kBlock) return;
        sha256_blocks(state_, rest_.data(), 1);
    }
    sha256_blocks(state_, data, left / kBlock);
    data += left / kBlock * kBlock;
    left %= kBlock;
    if (left > 0) std::memcpy(rest_.data(), data, left);
}

void Sha256::add(std::string_view text) {
    add(std::as_bytes(std::span(text)));
}

std::string Sha256::hex() const {
    Sha256 last = *this;
    const std::uint64_t bits = size_ * 8;
    // One bit, zeros up to 8 bytes before the end of a block, the length in bits.
    std::array<std::uint8_t, 2 * kBlock> padding{0x80};
    const std::size_t zeros = (2 * kBlock - 1 - 8 - size_ % kBlock) % kBlock;
    for (std::size_t i = 0; i < 8; ++i)
        padding[1 + zeros + i] = static_cast<std::uint8_t>(bits >> (8 * (7 - i)));
    last.add(std::as_bytes(std::span(padding).first(1 + zeros + 8)));
    std::string out;
    for (const std::uint32_t word : last.state_) out += fmt::format("{:08x}", word);
    return out;
}

std::string sha256_hex(std::string_view text) {
    Sha256 hash;
    hash.add(text);
    return hash.hex();
}

}  // namespace attohm
