// Whether every message that a data producer can receive has room in a packet ring. A record takes at most half its ring, so that what is
// longer would follow onOverflow each time: better known when the plugin is attached than in a call.

import { RingSizeError } from './errors.ts';
import { DataRecord, Limit } from './generated/layout.js';
import type { RouterPlace } from './router-place.ts';

/** Bytes of a record besides the message, at most: its header and the subchannels. */
const overhead = DataRecord.sizeOf() + Limit.MaxSubchannels * Uint16Array.BYTES_PER_ELEMENT;

/** Rejects when one does not. What cannot be known is left to the worker. `unitId` is how the worker knows the plugin. */
export async function checkMessagesFit(call: string, place: RouterPlace, unitId: string, dataProducerIds: readonly string[]): Promise<void> {
	const [ringSize, ...sizes] = await Promise.all([packetRingSizeOf(place, unitId), ...dataProducerIds.map((id) => place.maxMessageSizeOf(id))]);

	for (const [index, size] of sizes.entries()) {
		if (size !== undefined && size + overhead > ringSize! / 2) {
			const found = `${call}: a message of data producer ${dataProducerIds[index]} can have ${size} bytes, and the packet ring of the plugin at router ${place.router.id} has ${ringSize}`;

			throw new RingSizeError(
				'MPH_ERR_RING_SIZE',
				`${found}, of which a message may take half (with ${overhead} bytes around it); give it at least ${sufficient(size)} by configureRouter() before the plugin's first attachment to the router, or choose a smaller maxReceiveMessageSize for the transport`,
			);
		}
	}
}

/** Of the ring that is there, or of the one that would be made. */
async function packetRingSizeOf(place: RouterPlace, unitId: string): Promise<number> {
	const { rings } = await place.link.getStats();
	const ring = rings.find(({ pluginId, routerId }) => pluginId === unitId && routerId === place.router.id);

	return ring?.packetRingSize ?? place.packetRingSize;
}

function sufficient(size: number): number {
	return 2 ** Math.ceil(Math.log2(2 * (size + overhead)));
}
