import {
  ArrayNotEmpty,
  ArrayUnique,
  IsArray,
  IsIn,
  IsNotEmpty,
  IsOptional,
  IsString,
  MaxLength,
} from 'class-validator';

import { STATUS_EVENTS, type StatusEventName } from '#libs/sessions';

const MAX_LENGTH = 256;

export class SubscribeParams {
  /** Events of this session alone. */
  @IsOptional()
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_LENGTH)
  sessionId?: string;

  /** These alone; status.gap comes in any case. */
  @IsOptional()
  @IsArray()
  @ArrayNotEmpty()
  @ArrayUnique()
  @IsIn(STATUS_EVENTS, { each: true })
  events?: StatusEventName[];

  /** Go on after this one instead of now. */
  @IsOptional()
  @IsString()
  @MaxLength(MAX_LENGTH)
  cursor?: string;
}

export class SubscriptionIdParams {
  @IsString()
  @IsNotEmpty()
  @MaxLength(MAX_LENGTH)
  subscriptionId: string;
}
