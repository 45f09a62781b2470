#ifndef MS_TEST_HELD_STUB_HPP
#define MS_TEST_HELD_STUB_HPP

#include "common.hpp"
#include "PluginHost/Item.hpp"

/**
 * What waits, without what it is.
 */
class HeldStub : public PluginHost::Held
{
public:
	HeldStub() = default;
	/**
	 * What a test knows it by.
	 */
	explicit HeldStub(uint32_t id) : id(id)
	{
	}

public:
	uint32_t id{ 0 };
};

#endif
