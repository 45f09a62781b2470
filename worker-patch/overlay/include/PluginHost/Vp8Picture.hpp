#ifndef MS_PLUGIN_HOST_VP8_PICTURE_HPP
#define MS_PLUGIN_HOST_VP8_PICTURE_HPP

#include <cstddef>
#include <cstdint>
#include <optional>

namespace PluginHost::Vp8Picture
{
	/**
	 * What mediasoup's parser knows of a payload stays inside its handler, and parsing it again would allocate.
	 *
	 * @return PictureID of a payload descriptor (RFC 7741, 4.2); nothing if it has none.
	 */
	inline std::optional<uint16_t> GetId(const uint8_t* payload, size_t length)
	{
		static constexpr uint8_t HasExtension{ 0x80 };
		static constexpr uint8_t HasPictureId{ 0x80 };
		static constexpr uint8_t HasTwoBytes{ 0x80 };

		if (length < 3 || (payload[0] & HasExtension) == 0 || (payload[1] & HasPictureId) == 0)
		{
			return std::nullopt;
		}

		if ((payload[2] & HasTwoBytes) == 0)
		{
			return payload[2];
		}

		if (length < 4)
		{
			return std::nullopt;
		}

		return static_cast<uint16_t>(((payload[2] & 0x7f) << 8) | payload[3]);
	}
} // namespace PluginHost::Vp8Picture

#endif
