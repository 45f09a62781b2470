// Numbers of the layout's enums, by name, in tables: looking one up allocates nothing.

import { Codec, MediaKind } from '../generated/layout.js';

export type KindName = 'audio' | 'video' | 'data';

export type CodecName =
	| 'unknown'
	| 'opus'
	| 'multiopus'
	| 'pcma'
	| 'pcmu'
	| 'g722'
	| 'other-audio'
	| 'vp8'
	| 'vp9'
	| 'h264'
	| 'av1'
	| 'other-video';

export const kindNames: readonly (KindName | undefined)[] = tableOf({ [MediaKind.Audio]: 'audio', [MediaKind.Video]: 'video', [MediaKind.Data]: 'data' });

export const codecNames: readonly (CodecName | undefined)[] = tableOf({
	[Codec.Unknown]: 'unknown',
	[Codec.Opus]: 'opus',
	[Codec.MultiOpus]: 'multiopus',
	[Codec.Pcma]: 'pcma',
	[Codec.Pcmu]: 'pcmu',
	[Codec.G722]: 'g722',
	[Codec.OtherAudio]: 'other-audio',
	[Codec.Vp8]: 'vp8',
	[Codec.Vp9]: 'vp9',
	[Codec.H264]: 'h264',
	[Codec.Av1]: 'av1',
	[Codec.OtherVideo]: 'other-video',
});

function tableOf<Name extends string>(names: Readonly<Record<number, Name>>): readonly (Name | undefined)[] {
	return Array.from({ length: 256 }, (_, number) => names[number]);
}
