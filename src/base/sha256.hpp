#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace attohm {

/// SHA-256 of bytes as they come.
/// Source: NIST FIPS 180-4, sections 4.1.2, 4.2.2, 5 and 6.2.
class Sha256 {
  public:
    void add(std::span<const std::byte> bytes);
    void add(std::string_view text);
    /// 64 hexadecimal digits of all that was added; more may be added afterwards.
    std::string hex() const;

  private:
    std::array<std::uint32_t, 8> state_ = {0x6a09e667U, 0xbb67ae85U, 0x3c6ef372U, 0xa54ff53aU,
                                           0x510e527fU, 0x9b05688cU, 0x1f83d9abU, 0x5be0cd19U};
    std::array<std::uint8_t, 64> rest_{};  ///< bytes of a block not yet whole
    std::uint64_t size_ = 0;               ///< bytes added
};

std::string sha256_hex(std::string_view text);

}  // namespace attohm
