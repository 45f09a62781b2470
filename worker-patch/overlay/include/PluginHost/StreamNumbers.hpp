#ifndef MS_PLUGIN_HOST_STREAM_NUMBERS_HPP
#define MS_PLUGIN_HOST_STREAM_NUMBERS_HPP

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace PluginHost
{
	/**
	 * The sequence numbers of one stream into which packets are inserted, or out of which some are taken: `out = in + offset`, where the
	 * offset is that of the input's own place in the stream. Behind it no number is left empty by us, and none goes out twice.
	 */
	class StreamNumbers
	{
	public:
		// Inputs that come late by no more than this find the offset of their place.
		static constexpr uint16_t Window{ 2048 };

	public:
		/**
		 * @param highest - The highest input that has passed so far, with its number unchanged; nothing if none has.
		 */
		explicit StreamNumbers(std::optional<uint16_t> highest)
		{
			if (highest)
			{
				this->started   = true;
				this->used      = true;
				this->highestIn = *highest;
			}
		}

	public:
		/**
		 * @return The output number; nothing if the input must not go on: it has been here before, or is too late.
		 */
		std::optional<uint16_t> Pass(uint16_t in)
		{
			if (IsAhead(in))
			{
				Advance(in);
			}

			return TakePlace(in);
		}

		/**
		 * The input does not go on, and those behind it close the gap.
		 *
		 * @return If those behind it have gone already: the output number that stays empty, for the consumers to leave out.
		 */
		std::optional<uint16_t> Remove(uint16_t in)
		{
			if (!IsAhead(in))
			{
				return TakePlace(in);
			}

			Advance(in);
			PlaceOf(in).gone = true;
			--this->offset;

			return std::nullopt;
		}

		/**
		 * @return The next number behind the highest output.
		 */
		uint16_t Insert()
		{
			this->used = true;

			return this->highestIn + ++this->offset;
		}

	private:
		struct Place
		{
			uint16_t offset{ 0 };
			// Its input has been here, or can come no more.
			bool gone{ false };
		};

	private:
		/**
		 * A stream that goes back further than anything can be late has begun anew: it goes on behind the highest output.
		 */
		bool IsAhead(uint16_t in)
		{
			const auto distance = static_cast<int16_t>(in - this->highestIn);

			if (!this->started)
			{
				Restart(in);

				return true;
			}

			if (distance > -Window)
			{
				return distance > 0;
			}

			const bool follows = this->tooLate && in == static_cast<uint16_t>(*this->tooLate + 1);

			this->tooLate = in;

			if (distance > -RestartDistance && !follows)
			{
				return false;
			}

			Restart(in);

			return true;
		}

		void Restart(uint16_t in)
		{
			const uint16_t before = in - 1;
			const uint16_t out    = this->used ? this->highestIn + this->offset : before;

			// What comes late in front of the first one has its own number, unless something went out before it.
			this->places.fill(Place{ .gone = this->used });

			this->started   = true;
			this->used      = true;
			this->highestIn = before;
			this->offset    = out - before;
			this->tooLate.reset();
		}

		/**
		 * Those between are missing: they may still come, and their numbers are kept for them.
		 */
		void Advance(uint16_t in)
		{
			if (static_cast<uint16_t>(in - this->highestIn) > Window)
			{
				this->highestIn = in - Window;
			}

			while (this->highestIn != in)
			{
				PlaceOf(++this->highestIn) = Place{ .offset = this->offset };
			}

			this->tooLate.reset();
		}

		std::optional<uint16_t> TakePlace(uint16_t in)
		{
			if (static_cast<int16_t>(in - this->highestIn) <= -Window || PlaceOf(in).gone)
			{
				return std::nullopt;
			}

			PlaceOf(in).gone = true;

			return in + PlaceOf(in).offset;
		}

		Place& PlaceOf(uint16_t in)
		{
			return this->places[in % Window];
		}

	private:
		static constexpr int RestartDistance{ 8192 };

	private:
		// An input is known.
		bool started{ false };
		// An output is, which the next one has to follow.
		bool used{ false };
		uint16_t highestIn{ 0 };
		// Of what comes behind the highest input. Their sum is the highest output.
		uint16_t offset{ 0 };
		std::array<Place, Window> places{};
		// The last one that was too late. If the next one follows it, the stream has begun anew.
		std::optional<uint16_t> tooLate;
	};
} // namespace PluginHost

#endif
